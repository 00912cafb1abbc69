"""The pages and the files they load."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import frontend
from pipeline.settings import Settings

NOT_INSTALLED = "The browser libraries are not installed; run `make install`, then reload this page.\n"

GZIP = Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)

# Our own files change with us, and have no version in their address: ask each time (304 when unchanged).
OWN = "no-cache"
# A library's files change only with `make install`; their address has no version either, so not for ever.
VENDOR = "public, max-age=86400, stale-while-revalidate=604800"


class Files(StaticFiles):
    """Files of a folder, with how long a browser may keep them."""

    def __init__(self, directory: Any, keep: str) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._keep = keep

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["cache-control"] = self._keep
        return response


class Pages:
    """The map and GraphiQL, each rendered once."""

    def __init__(self, settings: Settings) -> None:
        self._options = json.dumps({"tiles": settings.tiles, "attribution": settings.tiles_attribution})
        self._rendering = anyio.Lock()
        self._rendered: dict[str, Response] = {}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", partial(self._page, "render"), middleware=[GZIP]),
            Route("/graphiql", partial(self._page, "graphiql_page"), middleware=[GZIP]),
            *(_vendor(package) for package in sorted(frontend.PACKAGES)),
            Mount("/static", Files(frontend.STATIC, OWN), middleware=[GZIP]),
        ]

    async def prepare(self) -> None:
        """Render the map before anyone waits for it."""
        await self._render("render")

    async def _page(self, name: str, request: Request) -> Response:
        if not frontend.VENDOR.is_dir():
            return PlainTextResponse(NOT_INSTALLED, 503)
        page = await self._render(name)
        if request.headers.get("if-none-match") == page.headers["etag"]:
            return Response(status_code=304, headers=_kept(page))
        # A new response each time: the compression changes the headers of the one it is given.
        return Response(page.body, media_type="text/html", headers=_kept(page))

    async def _render(self, name: str) -> Response:
        async with self._rendering:
            if name not in self._rendered:
                # In a process of its own: Folium holds 75 MB that the server never needs again.
                made = await anyio.run_process([sys.executable, "-m", "frontend", name, self._options], stderr=None)
                self._rendered[name] = _response(**json.loads(made.stdout))
            return self._rendered[name]


def _response(html: str, csp: str) -> Response:
    tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'
    headers = {"content-security-policy": csp, "cache-control": OWN, "etag": tag}
    return Response(html, media_type="text/html", headers=headers)


def _vendor(package: str) -> Mount:
    return Mount(f"/static/vendor/{package}", Files(frontend.VENDOR / package, VENDOR))


def _kept(page: Response) -> dict[str, str]:
    names: Sequence[str] = ("content-security-policy", "cache-control", "etag")
    return {name: page.headers[name] for name in names}
