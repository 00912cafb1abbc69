"""A real HTTP server whose answers a test changes while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.gbfs_documents import NOON, body, links, station, system

Answer = bytes | Response | Callable[[Request], Response]

START_SECONDS = 10.0


class FeedServer:
    """Answers ``/NAME.json`` by ``answers[NAME]``, else 404; ``requests`` holds name and headers of each request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, Headers]] = []
        self.base = ""

    def url(self, name: str) -> str:
        return f"{self.base}/{name}.json"

    def count(self, name: str) -> int:
        """How often it was asked for."""
        return sum(1 for asked, _ in list(self.requests) if asked == name)

    def serve_system(self, system_id: str, folder: str = "", *feeds: str) -> str:
        """Serve the discovery and declarations of a system of two stations; returns its discovery URL."""
        names = ("system_information", "station_information", "station_status", *feeds)
        self.answers[f"{folder}gbfs"] = body(links(f"{self.base}/{folder}".rstrip("/"), names))
        self.answers[f"{folder}system_information"] = body(system(system_id))
        self.answers[f"{folder}station_information"] = body({"stations": [station("st_1"), station("st_2")]}, NOON)
        return self.url(f"{folder}gbfs")

    async def answer(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        self.requests.append((name, request.headers))
        answer = self.answers.get(name, Response(status_code=404))
        if isinstance(answer, bytes):
            return Response(answer, media_type="application/json")
        return answer if isinstance(answer, Response) else answer(request)


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """A running server on a free port."""
    feeds = FeedServer()
    app = Starlette(routes=[Route("/{name:path}.json", feeds.answer, methods=["GET", "POST"])])
    config = uvicorn.Config(
        app, port=0, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = monotonic() + START_SECONDS
        while not server.started:
            assert monotonic() < deadline, "the feed server does not start"
            sleep(0.01)
        feeds.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield feeds
    finally:
        server.should_exit = True
        thread.join()
