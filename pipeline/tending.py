"""What is done beside the stream from time to time: the lake, the figures of today, and throwing away what is old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import lake
from pipeline.batch import compute_day
from pipeline.class_archive import make_archive
from pipeline.instruments import StreamInstruments
from pipeline.late import LateDays
from pipeline.logs import sentence
from pipeline.model import Topic
from pipeline.ports import Log, Offsets, Store
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.today import STREAM_JOB, Today

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

LAKE_DELAY = timedelta(minutes=5)
"""How long after its end an hour is written: by then its last poll is in the log."""

HOUR = timedelta(hours=1)

LATE_DAYS = 20
"""How many late days are computed in one go, so that the other chores get their turn in a long replay."""

FIRST_RETRY = timedelta(seconds=30)

TICK_SECONDS = 5.0


@dataclass
class Chore:
    """Something to do every ``period``; what fails is tried again sooner, but less and less often.

    ``work`` that returns True was only begun, and goes on when the other chores have had their turn.
    """

    name: str
    work: Callable[[datetime], Awaitable[bool | None]]
    period: timedelta
    due_at: datetime
    failures: int = 0

    async def do(self, now: datetime, instruments: StreamInstruments) -> None:
        """Do it if it is due; a failure is one line in the log."""
        if now < self.due_at:
            return
        try:
            is_only_begun = await self.work(now)
        except Exception as error:  # a chore must never end the stream beside it
            self.failures += 1
            instruments.chore_failures.labels(self.name).inc()
            wait = min(self.period, FIRST_RETRY * 2 ** min(self.failures - 1, 10))
            logger.error("%s: failed and is tried again in %d s: %s", self.name, wait.total_seconds(), sentence(error))
            self.due_at = now + wait
        else:
            self.failures = 0
            if not is_only_begun:
                instruments.done(self.name, datetime.now(UTC))
                self.due_at = now + self.period


class Tending:
    """The chores of one data folder. They run one after the other, in Spark's background pool."""

    def __init__(self, spark: SparkSession, settings: Settings, log: Log, store: Store) -> None:
        self._spark = spark
        self._settings = settings
        self._log = log
        self._store = store
        self._late = LateDays(store)
        self._today = Today(log, store, self._compute, timedelta(minutes=settings.today_minutes))

    def chores(self, now: datetime) -> list[Chore]:
        """All chores; each is due at once."""
        today = timedelta(minutes=self._settings.today_minutes)
        return [
            Chore("lake", self.advance_lake, timedelta(minutes=1), now),
            Chore("figures", self.compute_figures, today, now),
            Chore("late figures", self.compute_late_figures, timedelta(minutes=1), now),
            Chore("log retention", self.retire_log, HOUR, now),
            Chore("store retention", self.expire_store, HOUR, now),
            Chore("class archive", self.archive_classes, timedelta(days=1), now),
        ]

    async def run(self, instruments: StreamInstruments) -> None:
        """Do what is due, for ever."""
        chores = self.chores(datetime.now(UTC))
        while True:
            for chore in chores:
                await chore.do(datetime.now(UTC), instruments)
            await asyncio.sleep(TICK_SECONDS)

    async def advance_lake(self, now: datetime) -> None:
        """Write the hours that were full five minutes ago."""
        full_hour = (now - LAKE_DELAY).replace(minute=0, second=0, microsecond=0)
        until = await self._log.offsets_at(TOPICS, full_hour)
        report = await lake.advance(self._spark, self._log, self._store, self._settings.lake, until)
        self._late.note(report)
        if report.files:
            logger.info("lake: wrote %d files in %.1f s", report.files, report.seconds)

    async def compute_figures(self, now: datetime) -> bool:
        """Of each system: today so far, and the days before it that were not over when they were computed.

        Of as many as there is time for until the next turn; whether any are left.
        """
        return await self._today.go_on(now)

    async def _compute(self, system_id: str, zone: str, day: date) -> None:
        await compute_day(self._spark, self._log, self._store, self._settings, system_id, zone, day)

    async def compute_late_figures(self, now: datetime) -> None:
        """The days that were over and got records, or more of them, since they were computed; a few at a time."""
        for late in (await self._late.find(now))[:LATE_DAYS]:
            await self._compute(*late)

    async def retire_log(self, now: datetime) -> None:
        """Delete polls that are older than the retention and that stream and lake have both consumed."""
        before = now - timedelta(days=self._settings.retention_days)
        retired = await self._log.retire(before, await self._consumed(before))
        if retired:
            logger.info("log: retired %d records older than %g days", retired, self._settings.retention_days)

    async def _consumed(self, before: datetime) -> Offsets:
        stream, in_lake = await self._store.offsets(STREAM_JOB), await self._store.offsets(lake.JOB)
        both = {place: min(stream.get(place, 0), offset) for place, offset in in_lake.items()}
        # The totals that the stream publishes are in the store; nobody who starts later reads them here.
        return both | dict(await self._log.offsets_at((Topic.NETWORK_STATUS,), before))

    async def expire_store(self, now: datetime) -> None:
        """Remove rows that outlived their table."""
        expired = await self._store.expire(now)
        if expired:
            logger.info("store: removed %d rows that had outlived their table", expired)

    async def archive_classes(self, _: datetime) -> None:
        """After the first round of everything, so that the archive holds all classes that are ever needed."""
        await asyncio.to_thread(make_archive, self._spark)
