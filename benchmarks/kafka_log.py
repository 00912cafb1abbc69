"""The log in Kafka (one real broker) beside the log in SQLite: publishes, and how soon a subscriber has a poll.

Both do the same work in turn. Each has a server of its own, in its own process, with one subscriber.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.backlog import MadeSystem
from benchmarks.figure import Figure, percentile, show
from benchmarks.installation import BIKEWIRE, ask, free_port, running, until
from pipeline.jars import JarsError
from pipeline.model import SystemInformation, Topic, encode, milliseconds
from pipeline.ports import Log, LogRecord
from pipeline.wiring import open_log
from tests.servers.kafka import KafkaServer

STATIONS = 41
LARGE = 1_500
WARM_UP = 20
"""Rounds that do not count: the broker's compiler is at work in them."""

ROUNDS = 200
LARGE_ROUNDS = 100
PATIENCE_SECONDS = 30.0

QUERY = 'subscription { stationUpdates(systemId: "city") { polledAt stations { id status { state bikes docks } } } }'

Seconds = dict[str, list[float]]


class Subscriber:
    """A subscriber, and when it got which poll."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._arrived: dict[datetime, asyncio.Future[float]] = {}

    async def read(self) -> None:
        async for message in self._socket:
            arrived = time.perf_counter()
            polled_at = json.loads(message)["payload"]["data"]["stationUpdates"]["polledAt"]
            if polled_at is not None:
                self._arrival(datetime.fromisoformat(polled_at)).set_result(arrived)

    def _arrival(self, polled_at: datetime) -> asyncio.Future[float]:
        return self._arrived.setdefault(polled_at, asyncio.get_running_loop().create_future())

    async def arrival(self, polled_at: datetime) -> float:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._arrival(polled_at)


class Installation:
    """A log, its server's subscriber, and a made city."""

    def __init__(self, log: Log, subscriber: Subscriber) -> None:
        self._log = log
        self._subscriber = subscriber
        self._city, self._large = MadeSystem("city", STATIONS), MadeSystem("large", LARGE)

    async def push(self) -> float:
        """Seconds from the publish of a poll until the subscriber has it."""
        polled_at = milliseconds(datetime.now(UTC))
        records = self._city.poll(polled_at)
        started = time.perf_counter()
        await self._log.publish("city", records)
        return await self._subscriber.arrival(polled_at) - started

    async def publish(self) -> float:
        """Seconds for the publish of a large poll."""
        records = self._large.poll(milliseconds(datetime.now(UTC)))
        started = time.perf_counter()
        await self._log.publish("large", records)
        return time.perf_counter() - started


async def in_turn(
    installations: dict[str, Installation], rounds: int, do: Callable[[Installation], Awaitable[float]]
) -> Seconds:
    """The seconds of the same work in each installation in turn, so that all have the same machine."""
    seconds: Seconds = {engine: [] for engine in installations}
    for _ in range(WARM_UP + rounds):
        for engine, installation in installations.items():
            seconds[engine].append(await do(installation))
    return {engine: taken[WARM_UP:] for engine, taken in seconds.items()}


@asynccontextmanager
async def subscribed(port: int) -> AsyncIterator[Subscriber]:
    async with (
        connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]  # a NewType of str
        asyncio.TaskGroup() as tasks,
    ):
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": QUERY}}))
        subscriber = Subscriber(socket)
        reading = tasks.create_task(subscriber.read())
        yield subscriber
        reading.cancel()


async def measure(logs: dict[str, str], ports: dict[str, int]) -> list[Figure]:
    async with AsyncExitStack() as stack:
        installations = {}
        for engine, url in logs.items():
            log = await stack.enter_async_context(open_log(url, "poller"))
            subscriber = await stack.enter_async_context(subscribed(ports[engine]))
            installations[engine] = Installation(log, subscriber)
        pushes = await in_turn(installations, ROUNDS, Installation.push)
        publishes = await in_turn(installations, LARGE_ROUNDS, Installation.publish)
    return [
        _figure(f"poll of {STATIONS} stations published to Kafka → frame at a subscriber, p99", pushes, 0.99, 0.5),
        _figure(f"publish of {LARGE:,} records to Kafka in one transaction, p95", publishes, 0.95, 0.15),
    ]


def _figure(what: str, seconds: Seconds, share: float, must: float) -> Figure:
    told = "; ".join(
        f"{engine} {percentile(taken, share) * 1e3:.1f} ms (p50 {percentile(taken, 0.5) * 1e3:.1f} ms)"
        for engine, taken in seconds.items()
    )
    rounds = len(seconds["Kafka"])
    return Figure(what, f"≤ {must * 1e3:.0f} ms", f"{told}; {rounds} each", percentile(seconds["Kafka"], share) <= must)


async def begin(url: str) -> None:
    """Make the topics, and tell of the city."""
    city = SystemInformation(system_id="city", polled_at=datetime.now(UTC), name="City", time_zone="Europe/Paris")
    async with open_log(url, "poller") as log:
        await log.create(list(Topic))
        await log.publish("city", [LogRecord(Topic.SYSTEM_INFORMATION, city.key, encode(city))])


@contextmanager
def served(folder: Path, logs: dict[str, str]) -> Iterator[dict[str, int]]:
    """A server for each of the logs: its port."""
    with ExitStack() as stack:
        ports = {}
        for engine, url in logs.items():
            asyncio.run(begin(url))
            port = ports[engine] = free_port()
            command = [BIKEWIRE, "serve", "--port", str(port), "--data", str(folder / engine)]
            stack.enter_context(running(command, folder / f"{engine}.log", BIKEWIRE_LOG=url, BIKEWIRE_TILES=""))
            until(lambda port=port: ask(port, "{ systems { id } }")["systems"] or None, 60, "the city")  # type: ignore[misc]
        yield ports


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            broker = KafkaServer(folder / "kafka")
        except JarsError as error:
            show([Figure("poll published to Kafka → frame at a subscriber", "≤ 500 ms", f"skipped: {error}", True)])
            return
        broker.start()
        try:
            logs = {"SQLite": f"sqlite:///{folder}/log.sqlite", "Kafka": broker.url}
            with served(folder, logs) as ports:
                show(asyncio.run(measure(logs, ports)))
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
