"""The pages: the map (Folium, with Leaflet only) and GraphiQL, each with its Content-Security-Policy.

Rendering is deterministic: the same options give the same bytes, so a page can carry an ETag. Nothing on a page
comes from another origin but the map tiles.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import folium
from folium.template import Template

from frontend import STATIC

_HERE = Path(__file__).parent
_VENDOR_URL = "/static/vendor"
# Far enough out to be nobody's city: the page moves to the stations before any tile is asked for.
_NOWHERE = (0.0, 0.0)
_MAX_ZOOM = 19
_SCRIPTS = [("leaflet", f"{_VENDOR_URL}/leaflet/dist/leaflet.js")]
_SHEETS = [
    ("leaflet_css", f"{_VENDOR_URL}/leaflet/dist/leaflet.css"),
    ("uplot_css", f"{_VENDOR_URL}/uplot/dist/uPlot.min.css"),
    *((sheet.stem, f"/static/{sheet.name}") for sheet in sorted(STATIC.glob("*.css"))),
]


@dataclass(frozen=True)
class PageOptions:
    """What a page is made with.

    ``tiles`` is a URL with {z}, {x}, {y} and maybe {s}, or "" for a map without tiles; ``attribution`` is the
    text owed for them. ``graphql`` is the path of the API. ``system`` is shown first when the address names none.
    """

    title: str = "Bikewire"
    tiles: str = ""
    attribution: str = ""
    graphql: str = "/graphql"
    system: str | None = None


class Page(NamedTuple):
    """A page and the value of its Content-Security-Policy header."""

    html: str
    csp: str


class _Document(folium.Figure):
    """Folium's figure as a document with a language; the script stands inside the body."""

    _template = Template((_HERE / "document.html").read_text("utf-8"))


class StationMap(folium.Map):
    """A Folium map that loads Leaflet from our own origin, and the rest of the page around it.

    Python says where things are and with which settings; the modules in `static/` say how it looks and moves.
    """

    # Assigned, never appended to: Folium's lists belong to every map of the process.
    default_js = _SCRIPTS
    default_css = _SHEETS
    _template = Template((_HERE / "map.html").read_text("utf-8"))

    def __init__(self, options: PageOptions) -> None:
        super().__init__(location=_NOWHERE, zoom_start=2, tiles=None, zoom_control=False, maxZoom=_MAX_ZOOM)
        self.page_options = options
        self.modules = sorted(module.name for module in STATIC.glob("*.js"))

    def get_name(self) -> str:
        return "map"


class _Tiles(folium.TileLayer):
    """A tile layer that waits: the page adds it once the map looks at the stations."""

    def __init__(self, url: str, attribution: str) -> None:
        # Folium insists on an attribution: without one the page says where the tiles come from.
        super().__init__(url, attr=attribution or _origin(url) or url, max_zoom=_MAX_ZOOM, show=False)

    def get_name(self) -> str:
        return "tiles"


class _Handover(folium.MacroElement):
    """The page's one global: what the modules get from Python."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "window.bikewire = {map, tiles: {{ this.tiles }}, settings: {{ this.settings|tojson }}};"
        "{% endmacro %}"
    )

    def __init__(self, options: PageOptions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # branca's has no types
        self.tiles = "tiles" if options.tiles else "null"
        self.settings = {"graphql": options.graphql, "system": options.system}

    def get_name(self) -> str:
        return "handover"


def render(options: PageOptions) -> Page:
    """The map page."""
    document = _Document(title=options.title)
    station_map = StationMap(options).add_to(document)
    if options.tiles:
        _Tiles(options.tiles, options.attribution).add_to(station_map)
    _Handover(options).add_to(station_map)
    html: str = document.render()
    return Page(html, _policy(html, images=_origin(options.tiles)))


def graphiql_page(options: PageOptions) -> Page:
    """GraphiQL on our API, from our own origin; subscriptions go over graphql-transport-ws."""
    html = Template((_HERE / "graphiql.html").read_text("utf-8")).render(options=options, vendor=_VENDOR_URL)
    return Page(html, _policy(html, fonts="data:"))


def _policy(html: str, *, images: str = "", fonts: str = "") -> str:
    """Everything is forbidden but our own origin, the inline blocks of this very page, and what is named."""
    directives = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *_hashes(html, "script")]),
        "style-src": " ".join(["'self'", *_hashes(html, "style")]),
        "connect-src": "'self'",
        "img-src": f"'self' data: {images}".rstrip(),
        "font-src": fonts,
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items() if value)


def _hashes(html: str, tag: str) -> list[str]:
    """The CSP source of each inline block of this tag."""
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'" for block in blocks]


def _origin(tiles: str) -> str:
    """The origin of the tiles as CSP writes it: a subdomain {s} is any subdomain; "" for our own or none."""
    parts = urlsplit(tiles.replace("{s}", "*"))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
