"""/gbfs/…: every system again as clean GBFS 2.3 and 3.0, and its stations as GeoJSON and CSV, for other software."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backend import gbfs_documents
from backend.context import Context
from backend.gbfs_documents import DECLARED_TTL_SECONDS, Version
from backend.pages import GZIP
from backend.station_tables import csv_text, geojson
from backend.view import View

FOLDERS: dict[Version, str] = {"2.3": "", "3.0": "3.0/"}

KEPT_SECONDS = 5
"""How long an answer may be given again although time alone can have made something unknown."""

TABLES: dict[str, tuple[Callable[[View], bytes], str]] = {
    "geojson": (geojson, "application/geo+json"),
    "csv": (csv_text, "text/csv; charset=utf-8"),
}

# GBFS asks for it: pages of other origins read feeds.
OPEN = {"access-control-allow-origin": "*", "access-control-expose-headers": "etag", "cache-control": "no-cache"}


class _Kept(NamedTuple):
    """A body, and the state of things that it was made of."""

    made_of: tuple[object, ...]
    body: bytes
    etag: str


class Exports:
    """What is answered is what the live table knows now; 503 before it has caught up with the log."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: dict[tuple[str, str], _Kept] = {}

    def routes(self) -> list[BaseRoute]:
        paths = {
            "/gbfs/manifest.json": self._manifest,
            "/gbfs/{system}/stations.{kind}": self._stations,
            "/gbfs/{system}/{feed}.json": self._feed,
            "/gbfs/{system}/{version}/{feed}.json": self._feed,
        }
        return [Route(path, endpoint, middleware=[GZIP]) for path, endpoint in paths.items()]

    async def _manifest(self, request: Request) -> Response:
        """A manifest.json (GBFS 3): the systems, and where each is to be had."""
        self._check_current()
        datasets = [
            {
                "system_id": system_id,
                "versions": _versions(_root(request, system_id)),
            }
            for system_id, live in sorted(self._context.live.systems.items())
            if live.information is not None
        ]
        document = {
            "last_updated": gbfs_documents.stamp("3.0", self._context.clock()),
            "ttl": DECLARED_TTL_SECONDS,
            "version": "3.0",
            "data": {"datasets": datasets},
        }
        return Response(orjson.dumps(document), media_type="application/json", headers=OPEN)

    async def _stations(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in TABLES:
            raise HTTPException(404)
        make, media_type = TABLES[kind]
        view = self._view(request)
        return _answer(request, self._made(f"stations.{kind}", view, "", lambda: make(view)), media_type)

    async def _feed(self, request: Request) -> Response:
        version = _version(request)
        view = self._view(request)
        feed = request.path_params["feed"]
        root = _root(request, view.system_id)
        if feed not in ("gbfs", "gbfs_versions", *gbfs_documents.feeds_of(version, view.live)):
            raise HTTPException(404, "There is no such feed.\n")
        kept = self._made(f"{version}/{feed}", view, root, lambda: orjson.dumps(_document(version, feed, view, root)))
        return _answer(request, kept, "application/json")

    def _view(self, request: Request) -> View:
        self._check_current()
        system_id = request.path_params["system"]
        live = self._context.live.systems.get(system_id)
        if live is None or live.information is None:
            raise HTTPException(404, "There is no such system; /gbfs/manifest.json lists them.\n")
        return View.of(self._context, system_id)

    def _check_current(self) -> None:
        if not self._context.live.current.is_set():
            raise HTTPException(503, "The relay has not caught up with the log yet.\n")

    def _made(self, name: str, view: View, root: str, make: Callable[[], bytes]) -> _Kept:
        """The body, made anew where what it was made of has changed."""
        live = view.live
        observed = tuple(feed.polled_at for feed in live.observed.values())
        made_of = (
            live.sequence,
            live.information,
            tuple(live.feeds),
            observed,
            view.now.timestamp() // KEPT_SECONDS,
            root,
        )
        kept = self._kept.get((view.system_id, name))
        if kept is None or kept.made_of != made_of:
            body = make()
            etag = f'"{hashlib.blake2s(body, digest_size=16).hexdigest()}"'
            kept = self._kept[view.system_id, name] = _Kept(made_of, body, etag)
        return kept


def _document(version: Version, feed: str, view: View, root: str) -> gbfs_documents.Document:
    if feed == "gbfs":
        names = ("gbfs_versions", *gbfs_documents.feeds_of(version, view.live))
        urls = {name: f"{root}{FOLDERS[version]}{name}.json" for name in names}
        data = gbfs_documents.discovery(version, view, urls)
    elif feed == "gbfs_versions":
        data = {"versions": _versions(root)}
    else:
        data = gbfs_documents.FEEDS[version][feed](version, view)
    return gbfs_documents.envelope(version, feed, view, data)


def _answer(request: Request, kept: _Kept, media_type: str) -> Response:
    headers = {**OPEN, "etag": kept.etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {kept.etag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(kept.body, media_type=media_type, headers=headers)


def _version(request: Request) -> Version:
    version = request.path_params.get("version", "2.3")
    if version not in FOLDERS:
        raise HTTPException(404, f"There are the versions {' and '.join(FOLDERS)}.\n")
    return cast("Version", version)


def _versions(root: str) -> list[dict[str, str]]:
    return [{"version": version, "url": f"{root}{folder}gbfs.json"} for version, folder in FOLDERS.items()]


def _root(request: Request, system_id: str) -> str:
    return f"{request.base_url}gbfs/{quote(system_id, safe='')}/"
