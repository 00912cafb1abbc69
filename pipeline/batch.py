"""The daily batch: the figures of one system and one local day, from what was recorded of that day alone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pyspark.sql import SparkSession

from pipeline.capacity import write_capacities
from pipeline.cluster import Lifeline
from pipeline.day_figures import DayFigures, figures_of_day, keep
from pipeline.day_report import DayReport, Outcome, unchanged
from pipeline.days import LocalDay, UnknownTimeZone, local_day, time_zone
from pipeline.inputs import INPUTS, Input, read_inputs
from pipeline.manifest import (
    Manifest,
    manifest_row,
    move_on,
    position_of,
    read_manifest,
    revision_of,
    take_back,
)
from pipeline.model import Thresholds, Topic, milliseconds
from pipeline.past import Past, open_past
from pipeline.ports import BikewireError, Log, Store
from pipeline.settings import Settings
from pipeline.spark import ending, in_background, session
from pipeline.tables import BATCH_DAY, SYSTEM, TABLES
from pipeline.wiring import open_log, open_store

logger = logging.getLogger(__name__)

FEW_DAYS = 3
"""To compute more days at once is worth compiling well."""

Progress = Callable[[int, int, str], object]
"""Takes how many days are done, of how many, and what became of the newest."""


class BatchError(BikewireError):
    """Nothing can be computed; the text says why."""


class Batch(NamedTuple):
    """What a computation works with; ``folder`` is the lake's."""

    spark: SparkSession
    folder: str
    log: Log
    store: Store
    thresholds: Thresholds

    async def compute(self, system_id: str, day: LocalDay, now: datetime, *, force: bool = False) -> DayReport:
        """Make the store's rows of the day up to ``now`` exactly what is recorded of it.

        Does nothing when the manifest says that they are, unless forced to.
        """
        found = await self.figures(system_id, day, now, force=force)
        return found if isinstance(found, DayReport) else await self.keep(found)

    async def figures(
        self, system_id: str, day: LocalDay, now: datetime, *, force: bool = False
    ) -> DayReport | _Computed:
        """The first half of `compute`; what it computed is still to be kept."""
        started, at = time.monotonic(), milliseconds(datetime.now(UTC))
        past = await open_past(self.spark, self.folder, self.log, self.store, INPUTS)
        position, revision = position_of(past, at), revision_of(self.thresholds)
        noted = await read_manifest(self.store, system_id, day.date)
        claim = noted if noted and noted.may_hold(revision) and now >= day.end and not force else None
        if claim and claim.is_at(position):
            return unchanged(system_id, day.date, claim, time.monotonic() - started)
        until = min(now, day.end)
        # Before the figures: what comes into the lake in between then makes a difference next time. Of a day that is
        # not over nobody asks: it is computed again anyhow.
        inputs = await asyncio.to_thread(_inputs_in_background, past, system_id, day) if until == day.end else None
        if claim and claim.inputs == inputs:
            await move_on(self.store, system_id, day.date, position)
            return unchanged(system_id, day.date, claim, time.monotonic() - started)
        figures = await asyncio.to_thread(_figures_in_background, past, system_id, day, until, self.thresholds)
        manifest = Manifest(now, figures.polls, figures.records, now >= day.end, revision, inputs, position)
        return _Computed(system_id, day, figures, manifest, noted is not None and noted.is_settled, started)

    async def keep(self, computed: _Computed) -> DayReport:
        """The second half: the figures to the store, and then the manifest."""
        system_id, day, figures, manifest, is_claimed, started = computed
        if is_claimed:
            await take_back(self.store, system_id, day.date)
        await keep(self.store, system_id, day, figures)
        await self.store.write({BATCH_DAY: [manifest_row(system_id, day.date, manifest, _rows(figures))]})
        return computed.report(time.monotonic() - started)


class _Computed(NamedTuple):
    """Figures that are to be kept; ``is_claimed``: the store says that it has those of the day."""

    system_id: str
    day: LocalDay
    figures: DayFigures
    manifest: Manifest
    is_claimed: bool
    started: float

    def report(self, seconds: float) -> DayReport:
        _, stations, polls, records, coverage = self.figures
        is_complete = self.manifest.is_complete
        return DayReport(
            self.system_id, self.day.date, stations, polls, records, coverage, is_complete=is_complete, seconds=seconds
        )


async def compute_day(
    spark: SparkSession,
    log: Log,
    store: Store,
    settings: Settings,
    system_id: str,
    time_zone_name: str,
    day: date,
    now: datetime | None = None,
    *,
    force: bool = False,
) -> DayReport:
    """Make the store's rows of the local day up to ``now`` (default: this moment) exactly what is recorded of it.

    Nothing is computed when the day was over, and its records, thresholds and definitions the same, when it last was
    (or with ``force``). A day without any data loses the rows it had. Spark works in a thread, behind the stream.
    Raises UnknownTimeZone, LogError, StoreError.
    """
    batch = Batch(spark, settings.lake, log, store, settings.thresholds)
    local = local_day(day, time_zone(system_id, time_zone_name))
    report = await batch.compute(system_id, local, now or datetime.now(UTC), force=force)
    await write_capacities(store, system_id)
    logger.log(logging.DEBUG if report.outcome is Outcome.UNCHANGED else logging.INFO, "batch %s", report)
    return report


def run_days(
    settings: Settings,
    days: Sequence[date],
    system: str | None = None,
    progress: Progress | None = None,
    *,
    force: bool = False,
) -> list[DayReport]:
    """Compute these local days of one system, or of all, one after the other in a Spark session of its own.

    ``progress`` is told, of every day as it comes, how many are done and of how many, and what became of it. A day goes
    to the store while the next is computed, so that a run that was stopped can be started again. Raises BatchError when
    there is no such system, or none at all, and SparkLost when a cluster has no executor for it.
    """
    return asyncio.run(_run_days(settings, days, system, progress or _say_nothing, force))


async def _run_days(
    settings: Settings, days: Sequence[date], system: str | None, progress: Progress, force: bool
) -> list[DayReport]:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        zones = await _time_zones(store, system)
        spark = session(settings, "bikewire batch", is_long=len(zones) * len(days) > FEW_DAYS)
        batch = Batch(spark, settings.lake, log, store, settings.thresholds)
        run = _Run(batch, zones, days, progress, force)
        with ending(batch.spark):
            return await Lifeline(batch.spark).hold(run.all_systems())


@dataclass
class _Run:
    """The days of each system with its time zone, one after the other."""

    batch: Batch
    zones: Mapping[str, str]
    days: Sequence[date]
    progress: Progress
    force: bool
    done: int = 0

    async def all_systems(self) -> list[DayReport]:
        return [report for system_id in self.zones for report in await self._system(system_id)]

    async def _system(self, system_id: str) -> list[DayReport]:
        try:
            zone = time_zone(system_id, self.zones[system_id])
        except UnknownTimeZone as error:
            # The other systems' days can be computed all the same.
            self._tell(str(error), days=len(self.days))
            return []
        reports = await self._in(zone, system_id)
        await write_capacities(self.batch.store, system_id)
        return reports

    async def _in(self, zone: ZoneInfo, system_id: str) -> list[DayReport]:
        """One day after the other, each going to the store while the next is computed."""
        kept: list[asyncio.Task[DayReport]] = []
        try:
            for day in self.days:
                local, now = local_day(day, zone), datetime.now(UTC)
                found = await self.batch.figures(system_id, local, now, force=self.force)
                await asyncio.gather(*kept[-1:])
                kept.append(asyncio.create_task(self._keep(found)))
        finally:
            # Also when the next day can't be computed: this one was.
            await asyncio.gather(*kept[-1:])
        return [task.result() for task in kept]

    async def _keep(self, found: DayReport | _Computed) -> DayReport:
        report = found if isinstance(found, DayReport) else await self.batch.keep(found)
        self._tell(str(report))
        return report

    def _tell(self, said: str, days: int = 1) -> None:
        self.done += days
        self.progress(self.done, len(self.zones) * len(self.days), said)


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


def _inputs_in_background(past: Past, system_id: str, day: LocalDay) -> dict[str, Input]:
    in_background(past.spark)
    return read_inputs(past, system_id, day)


def _figures_in_background(
    past: Past, system_id: str, day: LocalDay, until: datetime, thresholds: Thresholds
) -> DayFigures:
    in_background(past.spark)
    return figures_of_day(past, system_id, day, until, thresholds)


def _rows(figures: DayFigures) -> dict[str, int]:
    """How many rows were made, by table."""
    return {table.name: len(rows) for table, rows in figures.rows.items()}


def _say_nothing(done: int, total: int, report: str) -> None:
    pass
