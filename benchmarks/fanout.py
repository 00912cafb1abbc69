"""What a message to a subscriber costs the server: ours beside a raw broadcast and stock Strawberry, in one run.

Each way is served by a process of its own with the same uvicorn settings, in turns, to subscribers that are in
another process. All get the same bytes: ten stations with eight fields.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import strawberry
import typer
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import GraphQL
from strawberry.schema.config import StrawberryConfig

from backend.context import Context
from backend.live import Applied, LiveTable
from backend.protocol import Endpoint
from backend.queries import Query
from backend.scalars import SCALARS
from backend.schema import schema
from backend.server import configuration
from backend.subscriptions import Subscription
from backend.telemetry import Telemetry
from benchmarks.figure import Figure, show
from benchmarks.subscribers import subscribe
from pipeline.listener import listen
from pipeline.model import Record, StationInformation, StationStatus, SystemInformation, Topic
from pipeline.ports import TopicPartition
from pipeline.settings import Settings
from pipeline.wiring import open_store

STATIONS, CHANGED = 41, 10
ROUNDS = 3
# Messages to each subscriber in a round, and the pause after each; the slowest way needs it to get to everyone.
WAYS = {"raw": (40, 0.15), "ours": (40, 0.15), "stock": (6, 0.6)}
QUERY = (
    'subscription { stationUpdates(systemId: "brest") { snapshot cursor polledAt stations { id name lat lon'
    " status { state bikes docks polledAt } } } }"
)
_SPAWN = multiprocessing.get_context("spawn")


class City:
    """A live table whose stations change on demand."""

    def __init__(self) -> None:
        self.table = LiveTable()
        self.context = Context(self.table, open_store("sqlite:///unused.sqlite"), Settings.read(), _now)
        self._polls = self._offset = 0
        self._publish([_system(), *(_station(number) for number in range(STATIONS))])
        self.change()
        self.table.current.set()

    def change(self) -> None:
        """One poll in which CHANGED stations changed."""
        self._polls += 1
        polled_at = _now()
        counts = [self._polls if number < CHANGED else 5 for number in range(STATIONS)]
        self._publish([_status(number, bikes, polled_at) for number, bikes in enumerate(counts)])

    def _publish(self, records: list[Record]) -> None:
        partition = TopicPartition(Topic.STATION_STATUS, 0)
        system = self.table.system("brest")
        system.apply([Applied(partition, self._offset, record) for record in records], _now())
        self._offset += 1
        self.table.positions[partition] = self._offset


def _now() -> datetime:
    return datetime.now(UTC)


def _system() -> SystemInformation:
    return SystemInformation(system_id="brest", polled_at=_now(), name="Brest", time_zone="Europe/Paris")


def _station(number: int) -> StationInformation:
    return StationInformation(
        system_id="brest",
        polled_at=_now(),
        station_id=str(number),
        name=f"Station {number}",
        lat=48.38 + number / 1000,
        lon=-4.49 + number / 1000,
    )


def _status(number: int, bikes: int, polled_at: datetime) -> StationStatus:
    return StationStatus(
        system_id="brest",
        polled_at=polled_at,
        station_id=str(number),
        bikes=bikes % 10,
        docks=10 - bikes % 10,
        is_installed=True,
        is_renting=True,
        is_returning=True,
        changed=True,
        seen_before=polled_at - timedelta(seconds=1),
        hold_seconds=180,
        stations_in_poll=STATIONS,
    )


class Raw:
    """The least that a broadcast can be: text made beforehand, sent to one socket after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sockets: set[WebSocket] = set()

    async def accept(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(self._text)
        self._sockets.add(socket)
        try:
            await socket.receive_text()
        except WebSocketDisconnect:
            self._sockets.discard(socket)

    async def broadcast(self) -> None:
        for subscriber in self._sockets:
            await subscriber.send_text(self._text)


class Stock(GraphQL[Context, None]):
    """Strawberry as it comes, over the same types and the same source of changes."""

    def __init__(self, context: Context) -> None:
        config = StrawberryConfig(scalar_map=SCALARS)
        super().__init__(strawberry.Schema(query=Query, subscription=Subscription, config=config))
        self._context = context

    async def get_context(self, request: object, response: object) -> Context:
        return self._context


def serve(way: str, listener: socket.socket, text: str, control: Connection) -> None:
    """Serve one way; a number read from ``control`` is how many changes to send, answered with the CPU seconds."""
    city, raw = City(), Raw(text)

    async def change() -> None:
        if way == "raw":
            await raw.broadcast()
        else:
            city.change()
            city.table.system("brest").changed.beat()

    endpoints: dict[str, Callable[[], Callable[[WebSocket], Any] | ASGIApp]] = {
        "raw": lambda: raw.accept,
        "ours": lambda: Endpoint(schema, city.context, Telemetry(city.table)),
        "stock": lambda: Stock(city.context),
    }
    app = Starlette(routes=[WebSocketRoute("/", endpoints[way]())])
    config = configuration(app)
    config.lifespan = "off"
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(uvicorn.Server(config).serve([listener]), WAYS[way][1], change, control))


async def _serve(
    server: Coroutine[Any, Any, None], pause: float, change: Callable[[], Any], control: Connection
) -> None:
    serving = asyncio.create_task(server)
    while changes := await asyncio.to_thread(control.recv):
        started = time.process_time()
        for _ in range(changes):
            await change()
            await asyncio.sleep(pause)
        control.send(time.process_time() - started)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


class Measured:
    """One way: its server, and its subscribers."""

    def __init__(self, way: str, subscribers: int, server: Connection, load: Connection) -> None:
        self._way, self._subscribers = way, subscribers
        self._server, self._load = server, load
        self._expected = load.recv().messages
        self.newest = ""

    def microseconds(self) -> float:
        """The server's CPU time for one delivered message."""
        changes = WAYS[self._way][0]
        self._server.send(changes)
        seconds: float = self._server.recv()
        self._expected += changes * self._subscribers
        self._load.send(self._expected)
        self.newest = self._load.recv().newest
        return seconds / (changes * self._subscribers) * 1e6


@contextmanager
def measured(way: str, subscribers: int, text: str) -> Iterator[Measured]:
    """Start the server and its subscribers, and end them."""
    listener = listen("127.0.0.1", 0)
    (server, server_end), (load, load_end) = _SPAWN.Pipe(), _SPAWN.Pipe()
    query = None if way == "raw" else QUERY
    children = [
        _SPAWN.Process(target=serve, args=(way, listener, text, server_end)),
        _SPAWN.Process(target=subscribe, args=(listener.getsockname()[1], subscribers, query, load_end)),
    ]
    for child in children:
        child.start()
    try:
        yield Measured(way, subscribers, server, load)
    finally:
        # The subscribers first: a server that is ended under them complains about each.
        for control, child in zip((load, server), reversed(children), strict=True):
            control.send(0)
            child.join(10)


def main(subscribers: int = 500, json: bool = False) -> None:
    """Measure, and print the ratios."""
    with measured("ours", 1, "") as ours:
        ours.microseconds()
        text = ours.newest
    with (
        measured("raw", subscribers, text) as raw,
        measured("ours", subscribers, "") as ours,
        measured("stock", subscribers, "") as stock,
    ):
        rounds = [(raw.microseconds(), ours.microseconds(), stock.microseconds()) for _ in range(ROUNDS)]
    show(_figures(rounds, subscribers, len(text)))


def _figures(rounds: list[tuple[float, float, float]], subscribers: int, size: int) -> list[Figure]:
    raw, ours, stock = (median(values) for values in zip(*rounds, strict=True))
    to_raw = median(ours / raw for raw, ours, _ in rounds)
    to_stock = median(stock / ours for _, ours, stock in rounds)
    detail = f"{ours:.1f} µs per message of {size} bytes; raw {raw:.1f} µs, stock Strawberry {stock:.0f} µs"
    what = f"{subscribers} subscribers with one selection: CPU per delivered message"
    return [
        Figure(f"{what}, against a raw broadcast", "≤ 6 times", f"{to_raw:.1f} times ({detail})", to_raw <= 6),
        Figure(
            f"{what}, against stock Strawberry", "≥ 8 times cheaper", f"{to_stock:.1f} times cheaper", to_stock >= 8
        ),
    ]


if __name__ == "__main__":
    typer.run(main)
