"""A log and a store of made polls, and the days that are computed from them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from pipeline import lake
from pipeline.batch import compute_day
from pipeline.day_report import Outcome
from pipeline.days import local_day
from pipeline.inputs import INPUTS, Input, read_inputs
from pipeline.model import Record, Topic
from pipeline.past import open_past
from pipeline.ports import Log, Store
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.tables import BATCH_DAY, TABLES
from pipeline.wiring import open_log, open_store
from tests.made_polls import SYSTEM, log_records, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ZONE = "Europe/Paris"
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
AFTERWARDS = datetime(2026, 12, 1, tzinfo=UTC)


class Place(NamedTuple):
    """A log and a store, empty at first, and a Spark session to compute with."""

    spark: SparkSession
    settings: Settings
    log: Log
    store: Store

    async def compute(
        self, day: date = FIRST, now: datetime = AFTERWARDS, *, force: bool = False, **settings: Any
    ) -> Outcome:
        changed = self.settings.model_copy(update=settings)
        report = await compute_day(self.spark, self.log, self.store, changed, SYSTEM, ZONE, day, now, force=force)
        return report.outcome

    async def publish(self, *records: Record) -> None:
        await self.log.publish(SYSTEM, log_records(records))

    async def to_lake(self) -> None:
        """Move everything from the log to the lake."""
        end = await self.log.end_offsets(TOPICS)
        await lake.advance(self.spark, self.log, self.store, self.settings.lake, end)

    async def inputs(self, day: date = FIRST) -> dict[str, Input]:
        local = local_day(day, ZoneInfo(ZONE))
        past = await open_past(self.spark, self.settings.lake, self.log, self.store, INPUTS)
        return read_inputs(past, SYSTEM, local)

    async def manifest(self, day: date = FIRST) -> dict[str, Any]:
        return next(row for row in await rows(self.store, BATCH_DAY, SYSTEM) if row["date"] == day)


@asynccontextmanager
async def opened(spark: SparkSession, folder: Path) -> AsyncIterator[Place]:
    """The place, on SQLite in this folder."""
    settings = Settings.read(data=folder)
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(spark, settings, log, store)
