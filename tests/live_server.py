"""A server in a thread of its own, a poller's publishes, and a client of graphql-transport-ws."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from backend.app import create_app, utc_now
from backend.server import configuration, drop_stalled
from pipeline.listener import listen
from pipeline.model import TOPIC_OF, Record, SystemInformation, Topic, encode, milliseconds
from pipeline.ports import LogRecord
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.small_city import SYSTEM, feed, information, status

PATIENCE = 30.0
UPDATES = (
    'subscription Updates($after: String, $ids: [ID!]) { stationUpdates(systemId: "brest", after: $after, ids: $ids)'
    " { snapshot cursor polledAt stations { id status { bikes state } } } }"
)


def until(look: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds:.0f} s"
        time.sleep(0.01)


@dataclass
class LiveServer:
    """A running server: where it listens, and the event loop it runs in."""

    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def tasks(self) -> int:
        """How many tasks its event loop has."""
        assert self.loop is not None
        return len(asyncio.all_tasks(self.loop))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", **{"timeout": PATIENCE, **options})

    def ask(self, query: str, **options: Any) -> httpx.Response:
        options = {"timeout": PATIENCE, **options}
        return httpx.post(f"http://127.0.0.1:{self.port}/graphql", json={"query": query}, **options)

    def is_ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = self.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


@contextmanager
def running(
    settings: Settings, *, port: int = 0, is_ready: bool = True, clock: Callable[[], datetime] = utc_now
) -> Iterator[LiveServer]:
    """Serve in a thread until the block ends; ready when it begins, unless it can't be. Port 0 is any free one."""
    listener = listen("127.0.0.1", port)
    drop_stalled(listener)
    found = LiveServer(listener.getsockname()[1], uvicorn.Server(configuration(create_app(settings, clock))))

    async def serve() -> None:
        found.loop = asyncio.get_running_loop()
        await found.server.serve([listener])

    thread = threading.Thread(target=_run, args=(found.server, serve), name="server")
    thread.start()
    try:
        until(lambda: found.server.started, "the start of the server")
        until(lambda: found.is_ready() or not is_ready, "readiness")
        yield found
    finally:
        found.server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
    assert not thread.is_alive()


def _run(server: uvicorn.Server, serve: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(serve())


@dataclass
class Poller:
    """Publishes polls of two stations, "a" and "b"; each poll is a second after the one before."""

    settings: Settings
    hold_seconds: float = 180.0
    polled_at: datetime = field(default_factory=lambda: milliseconds(datetime.now(UTC)) - timedelta(seconds=60))

    async def publish(self, *records: Record) -> None:
        log = open_log(self.settings.log)
        async with log:
            await log.create(tuple(Topic))
            await log.publish(SYSTEM, [LogRecord(TOPIC_OF[type(it)], it.key, encode(it)) for it in records])

    async def begin(self) -> None:
        """The system, its two stations, and a first poll: 1 bike at a, 5 at b."""
        at = self.polled_at
        stations: list[Record] = [information("a", "A", 48.1, -4.1), information("b", "B", 48.2, -4.2)]
        system = SystemInformation(system_id=SYSTEM, polled_at=at, name="Vélo", time_zone="Europe/Paris")
        await self.publish(system, *stations)
        await self.poll(a=1, b=5)

    async def poll(self, changed: Sequence[str] = ("a", "b"), **bikes: int) -> None:
        """One poll with these bikes at the stations; ``changed`` are those that differ from the poll before."""
        before, self.polled_at = self.polled_at, self.polled_at + timedelta(seconds=1)
        more = {"seen_before": before, "hold_seconds": self.hold_seconds}
        records = [
            status(name, count, 10, self.polled_at, changed=name in changed, **more) for name, count in bikes.items()
        ]
        await self.publish(*records, feed("station_status", polled_at=self.polled_at))


class Client:
    """A client of graphql-transport-ws; messages are read in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
        return message

    async def subscribe(self, query: str = UPDATES, id: str = "1", **variables: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, "variables": variables})

    async def updates(self) -> dict[str, Any]:
        """The next stationUpdates."""
        message = await self.receive()
        assert message["type"] == "next", message
        found: dict[str, Any] = message["payload"]["data"]["stationUpdates"]
        return found

    async def closing(self) -> tuple[int | None, str | None]:
        """How the server closes the socket, after whatever it has sent."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def client(port: int, *, is_initiated: bool = True, **options: Any) -> AsyncIterator[Client]:
    """A connected client, initiated or not."""
    options.setdefault("subprotocols", ["graphql-transport-ws"])
    async with connect(f"ws://127.0.0.1:{port}/graphql", **options) as socket:
        found = Client(socket)
        if is_initiated:
            await found.send(type="connection_init")
            assert await found.receive() == {"type": "connection_ack"}
        yield found


def settings_in(folder: Path, **more: Any) -> Settings:
    return Settings.read(data=folder, **more)


def told(update: dict[str, Any]) -> tuple[bool, dict[str, int]]:
    """Whether it is a snapshot, and the bikes of the stations in it."""
    return update["snapshot"], {station["id"]: station["status"]["bikes"] for station in update["stations"]}
