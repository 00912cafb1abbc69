"""The store in Cassandra (one real node) beside the store in SQLite: both do the same work in turn."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.figure import Figure, percentile, show
from pipeline.ports import Consumed, Row, Store, TopicPartition
from pipeline.tables import STATION_HISTORY, STATION_LATEST, TABLES, Table
from pipeline.wiring import open_store
from tests.servers.cassandra import CassandraNode

ROUNDS = 60
WARM_UP = 20
"""Rounds that do not count: the node's compiler is at work in them."""

START = datetime(2026, 11, 1, tzinfo=UTC)


class Work(NamedTuple):
    """What is timed, and the median that it must keep, in seconds."""

    name: str
    do: Callable[[Store, int], Awaitable[object]]
    must: float


def poll(system_id: str, stations: int, number: int) -> dict[Table, list[Row]]:
    """What a poll comes to: the newest record of every station, and those of one station in ten as history."""
    polled_at = START + timedelta(minutes=number)
    values: Row = {
        **{"polled_at": polled_at, "last_reported": polled_at, "seen_before": polled_at, "hold_seconds": 180.0},
        **{"bikes": number, "docks": 9, "bikes_disabled": 0, "docks_disabled": None, "stations_in_poll": stations},
        **{"is_installed": True, "is_renting": True, "is_returning": True},
    }
    newest: list[Row] = [{"system_id": system_id, "station_id": f"{index:04}", **values} for index in range(stations)]
    changed: list[Row] = [
        {column: value for column, value in row.items() if column != "stations_in_poll"} | {"month": 202611}
        for row in newest[::10]
    ]
    return {STATION_LATEST: newest, STATION_HISTORY: changed}


def write(system_id: str, stations: int) -> Callable[[Store, int], Awaitable[object]]:
    async def do(store: Store, number: int) -> None:
        consumed = Consumed("stream", {TopicPartition("station_status", 0): number})
        await store.write(poll(system_id, stations, number), consumed)

    return do


async def read(store: Store, number: int) -> None:
    rows = await store.read(STATION_LATEST, ("large",))
    if len(rows) != 1500:
        msg = f"{len(rows)} stations were read, not 1500"
        raise RuntimeError(msg)


WORKS = (
    Work("a poll of 41 stations into the store", write("small", 41), 0.050),
    Work("a poll of 1,500 stations into the store", write("large", 1500), 0.400),
    Work("station_latest of 1,500 stations read", read, 0.030),
)


async def measure(stores: dict[str, Store], work: Work) -> Figure:
    """The work in every store in turn, so that all have the same machine."""
    seconds: dict[str, list[float]] = {engine: [] for engine in stores}
    for number in range(WARM_UP + ROUNDS):
        for engine, store in stores.items():
            started = time.perf_counter()
            await work.do(store, number)
            seconds[engine].append(time.perf_counter() - started)
    counted = {engine: taken[WARM_UP:] for engine, taken in seconds.items()}
    median = percentile(counted["Cassandra"], 0.5)
    told = "; ".join(
        f"{engine} {percentile(taken, 0.5) * 1e3:.1f} / {percentile(taken, 0.95) * 1e3:.1f} ms"
        for engine, taken in counted.items()
    )
    return Figure(f"{work.name}, p50 / p95", f"p50 ≤ {work.must * 1e3:.0f} ms", told, median <= work.must)


@contextmanager
def node(folder: Path) -> Iterator[CassandraNode]:
    started = CassandraNode(folder)
    started.start()
    try:
        yield started
    finally:
        started.kill()


@asynccontextmanager
async def stores_in(urls: dict[str, str]) -> AsyncIterator[dict[str, Store]]:
    async with AsyncExitStack() as stack:
        opened = {engine: await stack.enter_async_context(open_store(url)) for engine, url in urls.items()}
        for store in opened.values():
            await store.create(TABLES)
        yield opened


async def run(urls: dict[str, str]) -> list[Figure]:
    async with stores_in(urls) as stores:
        return [await measure(stores, work) for work in WORKS]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, node(Path(folder) / "node") as server:
        cassandra = f"cassandra://{server.address}:{server.port}/bikewire"
        show(asyncio.run(run({"SQLite": f"sqlite:///{folder}/store.sqlite", "Cassandra": cassandra})))


if __name__ == "__main__":
    main()
