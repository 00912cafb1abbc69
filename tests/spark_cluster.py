"""A standalone cluster of Spark with a stream on it, the log that the stream reads, and what is in its store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.from_thread import BlockingPortal
from msgspec.structs import replace

from pipeline import lake
from pipeline.batch import compute_day
from pipeline.model import SystemInformation, Topic
from pipeline.ports import Log, Row, Store
from pipeline.results import LATEST
from pipeline.settings import Settings
from pipeline.stream import JOB, Stream
from pipeline.tables import NETWORK_HISTORY, STATION_HISTORY, TABLES, Table
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, START, feed, log_records, poll, vehicle
from tests.running import Running, running
from tests.servers.spark import SparkMaster, SparkWorker

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SYSTEMS = ("brest", "quimper")
TIME_ZONE = "Europe/Paris"

STREAMED = (*LATEST.values(), STATION_HISTORY, NETWORK_HISTORY)
"""The tables that the stream fills."""


class SparkCluster:
    """A master that remembers, and two workers of one core each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.master = SparkMaster(folder / "master")
        self.workers = [SparkWorker(folder / f"worker{number}", self.master) for number in range(2)]

    def start(self) -> None:
        self.master.start()
        start(self.workers)

    def kill(self) -> None:
        for server in (*self.workers, self.master):
            server.kill()


def start(workers: Sequence[SparkWorker]) -> None:
    """Start them all at once."""
    with ThreadPoolExecutor(len(workers)) as threads:
        list(threads.map(lambda worker: worker.start(), workers))


class Site:
    """Two systems whose polls are in a log in Kafka; one store of them is computed on the cluster, one on local[2]."""

    def __init__(self, folder: Path, log_url: str, master: str) -> None:
        self.settings = Settings.read(data=folder / "cluster", log=log_url, spark=master)
        self.undisturbed_settings = Settings.read(data=folder / "local", log=log_url)
        self._chance = random.Random(1)
        self._bikes = dict.fromkeys(map(str, range(12)), 5)
        self.polls = 0
        self._running = ExitStack()
        self._stream: Running | None = None

    @contextmanager
    def bikewire(self, *arguments: str | Path, **environment: str) -> Iterator[Running]:
        """A `bikewire` with the site's settings."""
        places = {"BIKEWIRE_LOG": self.settings.log, "BIKEWIRE_SPARK": self.settings.spark}
        with running(*arguments, "--data", self.settings.data, **{**places, **environment}) as started:
            yield started

    def stream(self) -> Running:
        """The resident stream; started when there is none."""
        if self._stream is None or self._stream.process.poll() is not None:
            self.stop()
            self._stream = self._running.enter_context(self.bikewire("stream"))
        return self._stream

    def stop(self) -> None:
        """End the resident stream, if there is one."""
        self._running.close()

    async def begin(self) -> None:
        """Topics, tables, and what the systems are."""
        for settings in (self.settings, self.undisturbed_settings):
            async with open_store(settings.store) as store:
                await store.create(TABLES)
        async with open_log(self.settings.log) as log:
            await log.create(list(Topic))
            for name in SYSTEMS:
                system = SystemInformation(system_id=name, polled_at=START, name=name, time_zone=TIME_ZONE)
                await log.publish(name, log_records([system]))

    async def publish(self, polls: int) -> None:
        """So many polls of each system, at once."""
        async with open_log(self.settings.log) as log:
            for _ in range(polls):
                await self._publish(log)

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """A poll of each system several times a second, while the block runs."""
        enough = asyncio.Event()
        task = asyncio.create_task(self._poll(enough))
        try:
            yield
        finally:
            # Not cancelled: a publish that is cut off may be in the log or not, and so would not be counted right.
            enough.set()
            await task

    async def _poll(self, enough: asyncio.Event) -> None:
        async with open_log(self.settings.log) as log:
            while not enough.is_set():
                await self._publish(log)
                with suppress(TimeoutError):
                    await asyncio.wait_for(enough.wait(), 0.2)

    async def _publish(self, log: Log) -> None:
        at = START + self.polls * MINUTE
        self._bikes[str(self._chance.randrange(12))] = self._chance.randrange(11)
        counts = {name: (bikes, 12 - bikes) for name, bikes in self._bikes.items()}
        vehicles = [vehicle(f"v{number}", None if number % 2 else "1", at, vehicles_in_poll=3) for number in range(3)]
        made = [*poll(at, counts), feed("vehicle_status", at), *vehicles]
        self.polls += 1
        for name in SYSTEMS:
            await log.publish(name, log_records([replace(record, system_id=name) for record in made]))

    async def totals(self) -> int:
        """How many polls have totals in the store."""
        return len((await self.rows([NETWORK_HISTORY]))[NETWORK_HISTORY.name]) // len(SYSTEMS)

    async def until_totals(self, more: int = 3, seconds: float = 90) -> None:
        """Returns when so many polls that are published from now on have their totals."""
        await self._until(self.polls + more, seconds)

    async def until_done(self, seconds: float = 90) -> None:
        """Returns when every poll has its totals."""
        await self._until(self.polls, seconds)

    async def _until(self, polls: int, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while await self.totals() < polls:  # noqa: ASYNC110  # another process makes it true
                await asyncio.sleep(0.1)

    async def rows(self, tables: Sequence[Table] = STREAMED) -> dict[str, list[str]]:
        """All rows of the cluster's store, by table."""
        return await rows_of(self.settings.store, tables)

    async def undisturbed_figures(self, spark: SparkSession, day: date) -> None:
        """Compute the lake and the figures of a day on local[2] too."""
        settings = self.undisturbed_settings
        async with open_log(settings.log) as log, open_store(settings.store) as store:
            await lake.advance(spark, log, store, settings.lake, await store.offsets(JOB))
            for name in SYSTEMS:
                await compute_day(spark, log, store, settings, name, TIME_ZONE, day)

    async def undisturbed(self, spark: SparkSession) -> dict[str, list[str]]:
        """The rows that the stream makes on local[2] out of the same log."""
        settings = self.undisturbed_settings
        async with open_log(settings.log) as log, open_store(settings.store) as store, BlockingPortal() as portal:
            stream = Stream(spark, settings, log, store, portal)
            query = await asyncio.to_thread(stream.start, available_now=True)
            await asyncio.to_thread(query.awaitTermination)
            await asyncio.to_thread(stream.finish)
        return await rows_of(settings.store)


async def rows_of(store_url: str, tables: Sequence[Table] = STREAMED) -> dict[str, list[str]]:
    """All rows of a store's tables, in an order of their own."""
    async with open_store(store_url) as store:
        await store.create(TABLES)
        return {table.name: sorted([str(row) async for row in _rows(store, table)]) for table in tables}


async def _rows(store: Store, table: Table) -> AsyncIterator[Row]:
    for partition in await store.partitions(table):
        for row in await store.read(table, partition):
            yield row
