"""The daily batch: the figures of one system and one local day, from what was recorded of that day alone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import NamedTuple

from pyspark.sql import SparkSession

from pipeline.capacity import write_capacities
from pipeline.cluster import Lifeline
from pipeline.day_figures import TOPICS, DayFigures, figures_of_day, keep
from pipeline.days import LocalDay, UnknownTimeZone, local_day, time_zone
from pipeline.model import Thresholds, Topic
from pipeline.past import Past, open_past
from pipeline.ports import BikewireError, Log, Row, Store
from pipeline.settings import Settings
from pipeline.spark import ending, in_background, session
from pipeline.tables import BATCH_DAY, SYSTEM, TABLES
from pipeline.wiring import open_log, open_store

logger = logging.getLogger(__name__)

Progress = Callable[[str], object]


class BatchError(BikewireError):
    """Nothing can be computed; the text says why."""


class DayReport(NamedTuple):
    """What was computed of a day, and in how many seconds; `DayFigures` says what polls and records are."""

    system_id: str
    date: date
    stations: int
    polls: int
    records: int
    coverage: float
    is_complete: bool
    seconds: float

    def __str__(self) -> str:
        if not self.stations and not self.coverage:
            return f"{self.system_id} {self.date}: nothing was observed."
        so_far = "" if self.is_complete else " so far"
        return (
            f"{self.system_id} {self.date}{so_far}: {self.stations:,} stations, {self.polls:,} polls,"
            f" {self.records:,} records, coverage {self.coverage:.1%}, in {self.seconds:.1f} s."
        )


class Batch(NamedTuple):
    """What a computation works with; ``folder`` is the lake's."""

    spark: SparkSession
    folder: str
    log: Log
    store: Store
    thresholds: Thresholds

    async def compute(self, system_id: str, day: LocalDay, now: datetime) -> DayReport:
        """Compute the day up to ``now`` and make the store's rows of it exactly that."""
        started = time.monotonic()
        past = await open_past(self.spark, self.folder, self.log, self.store, TOPICS)
        figures = await asyncio.to_thread(_in_background, past, system_id, day, min(now, day.end), self.thresholds)
        await keep(self.store, system_id, day, figures)
        report = _report(system_id, day, figures, now, time.monotonic() - started)
        await self.store.write({BATCH_DAY: [_batch_day(report, now)]})
        logger.info("batch %s", report)
        return report


async def compute_day(
    spark: SparkSession,
    log: Log,
    store: Store,
    settings: Settings,
    system_id: str,
    time_zone_name: str,
    day: date,
    now: datetime | None = None,
) -> DayReport:
    """Compute the local day up to ``now`` (default: this moment) and make the store's rows of it exactly that.

    Computing it again, from the same records at the same ``now``, changes nothing; a day without any data loses
    the rows it had. Spark works in a thread, behind the stream. Raises UnknownTimeZone, LogError, StoreError.
    """
    batch = Batch(spark, settings.lake, log, store, settings.thresholds)
    local = local_day(day, time_zone(system_id, time_zone_name))
    report = await batch.compute(system_id, local, now or datetime.now(UTC))
    await write_capacities(store, system_id)
    return report


def run_days(
    settings: Settings, days: Sequence[date], system: str | None = None, progress: Progress | None = None
) -> list[DayReport]:
    """Compute these local days of one system, or of all, one after the other in a Spark session of its own.

    ``progress`` is told of every day as it comes. Each day is in the store before the next begins, so that a run
    that was stopped can be started again. Raises BatchError when there is no such system, or none at all, and
    SparkLost when a cluster has no executor for it.
    """
    return asyncio.run(_run_days(settings, days, system, progress or _say_nothing))


async def _run_days(
    settings: Settings, days: Sequence[date], system: str | None, progress: Progress
) -> list[DayReport]:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        zones = await _time_zones(store, system)
        batch = Batch(session(settings, "bikewire batch"), settings.lake, log, store, settings.thresholds)
        with ending(batch.spark):
            return await Lifeline(batch.spark).hold(_run_systems(batch, zones, days, progress))


async def _run_systems(
    batch: Batch, zones: Mapping[str, str], days: Sequence[date], progress: Progress
) -> list[DayReport]:
    return [
        report
        for system_id, zone in zones.items()
        for report in await _run_system(batch, system_id, zone, days, progress)
    ]


async def _run_system(
    batch: Batch, system_id: str, zone_name: str, days: Sequence[date], progress: Progress
) -> list[DayReport]:
    try:
        zone = time_zone(system_id, zone_name)
    except UnknownTimeZone as error:
        # The other systems' days can be computed all the same.
        progress(str(error))
        return []
    reports = []
    for day in days:
        report = await batch.compute(system_id, local_day(day, zone), datetime.now(UTC))
        progress(str(report))
        reports.append(report)
    await write_capacities(batch.store, system_id)
    return reports


async def _time_zones(store: Store, system: str | None) -> Mapping[str, str]:
    """The wanted systems, and the time zone of each."""
    rows = await store.read(SYSTEM, ("all",))
    zones = {str(row["system_id"]): str(row["time_zone"]) for row in rows}
    if not zones:
        msg = "No system is known yet: poll or replay one, and run `bikewire stream --available-now` first."
        raise BatchError(msg)
    if system is not None and system not in zones:
        msg = f"There is no system {system!r}; there are: {', '.join(sorted(zones))}."
        raise BatchError(msg)
    return zones if system is None else {system: zones[system]}


def _in_background(past: Past, system_id: str, day: LocalDay, until: datetime, thresholds: Thresholds) -> DayFigures:
    in_background(past.spark)
    return figures_of_day(past, system_id, day, until, thresholds)


def _report(system_id: str, day: LocalDay, figures: DayFigures, now: datetime, seconds: float) -> DayReport:
    return DayReport(
        system_id,
        day.date,
        stations=figures.stations,
        polls=figures.polls,
        records=figures.records,
        coverage=figures.coverage,
        is_complete=now >= day.end,
        seconds=seconds,
    )


def _batch_day(report: DayReport, now: datetime) -> Row:
    return {
        "system_id": report.system_id,
        "date": report.date,
        "computed_at": now,
        "records": report.records,
        "polls": report.polls,
        "is_complete": report.is_complete,
        "version": version("bikewire"),
    }


def _say_nothing(report: str) -> None:
    pass
