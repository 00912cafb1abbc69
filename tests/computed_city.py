"""A city on a log and a store, empty at first, and the days that are computed from what is published there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.batch import compute_day
from pipeline.day_report import DayReport
from pipeline.model import FeedState, FeedStatus, Record, StationStatus, Topic, encode
from pipeline.ports import Log, LogRecord, Row, Store
from pipeline.settings import Settings
from pipeline.tables import (
    NETWORK_DAY,
    NETWORK_HOUR,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HOUR,
    STATION_SERVICE,
    TABLES,
)
from pipeline.wiring import open_log, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PARIS = "Europe/Paris"
NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
JUNE = date(2026, 6, 1)
AFTERWARDS = datetime(2026, 12, 1, tzinfo=UTC)
HOLD = 180.0
FIGURES = (STATION_HOUR, STATION_DAY, STATION_SERVICE, STATION_EPISODE, NETWORK_HOUR)


class City(NamedTuple):
    """A log and a store, empty at first, and a Spark session to compute with."""

    spark: SparkSession
    settings: Settings
    log: Log
    store: Store

    async def compute(self, day: date, now: datetime = AFTERWARDS, *, force: bool = False) -> DayReport:
        parts = (self.spark, self.log, self.store, self.settings)
        return await compute_day(*parts, "velozef", PARIS, day, now, force=force)

    async def rows(self, day: date) -> dict[str, list[Row]]:
        """Every figure of the day."""
        tables = {table.name: await self.store.read(table, ("velozef", day)) for table in FIGURES}
        network = await self.store.read(NETWORK_DAY, ("velozef",), lower=day, upper=day + timedelta(days=1))
        return tables | {NETWORK_DAY.name: network}

    async def publish(self, records: Iterable[Record]) -> None:
        made = [LogRecord(topic_of(record), record.key, encode(record)) for record in records]
        await self.log.publish("velozef", made)

    async def poll(self, polled_at: datetime, **bikes: int) -> None:
        """A poll that found these stations with so many bikes and ten docks."""
        await self.publish(poll_records(polled_at, bikes))


def topic_of(record: Record) -> Topic:
    return Topic.STATION_STATUS if isinstance(record, StationStatus) else Topic.FEED_STATUS


def poll_records(polled_at: datetime, bikes: dict[str, int]) -> list[Record]:
    feed = FeedStatus(
        system_id="velozef",
        polled_at=polled_at,
        feed="station_status",
        state=FeedState.OK,
        is_observing=True,
        interval_seconds=60,
        hold_seconds=HOLD,
    )
    return [feed, *(station(polled_at, station_id, count, len(bikes)) for station_id, count in bikes.items())]


def station(polled_at: datetime, station_id: str, bikes: int, stations: int) -> StationStatus:
    return StationStatus(
        system_id="velozef",
        polled_at=polled_at,
        station_id=station_id,
        bikes=bikes,
        docks=10,
        is_installed=True,
        is_renting=True,
        is_returning=True,
        changed=True,
        hold_seconds=HOLD,
        stations_in_poll=stations,
    )


@asynccontextmanager
async def opened(spark: SparkSession, folder: Path, log_url: str, store_url: str) -> AsyncIterator[City]:
    """The city, on these engines."""
    settings = Settings.read(data=folder, log=log_url, store=store_url)
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(settings.log))
        store = await stack.enter_async_context(open_store(settings.store))
        await log.create(list(Topic))
        await store.create(TABLES)
        yield City(spark, settings, log, store)
