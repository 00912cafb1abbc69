"""The pages of Bikewire and what they load: HTML, styles and ES modules, all served from one origin."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Our own styles and modules, to be served at /static/."""

VENDOR = Path(__file__).parent / "node_modules"
"""The browser libraries that `npm ci` fetched, to be served at /static/vendor/, `PACKAGES` only."""

PACKAGES = frozenset({"leaflet", "graphql-ws", "uplot", "graphiql", "react", "react-dom"})
"""The packages in `VENDOR` that a page loads files from; no other may be served."""
