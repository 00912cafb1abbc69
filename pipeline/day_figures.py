"""The figures of one local day of one system: computed by Spark from the past, kept in the store."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from pipeline import aggregates
from pipeline.days import LocalDay, LocalHour
from pipeline.evidence import Found, service_blocks, station_evidence
from pipeline.model import Thresholds, Topic
from pipeline.network_evidence import network_evidence
from pipeline.network_totals import station_totals, vehicle_totals
from pipeline.past import Past
from pipeline.pieces import LONGEST_HOLD, STATIONS, VEHICLES, Span, of_kind, polls, reaching, span_rows
from pipeline.ports import Row, Store
from pipeline.runs import observations, runs
from pipeline.spark import generate_code
from pipeline.tables import (
    NETWORK_DAY,
    NETWORK_HOUR,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HOUR,
    STATION_SERVICE,
    Table,
)
from pipeline.timeline import timeline

SMALL_RECORDS = 200_000
"""For fewer records of a day Spark's generated code takes longer to compile than it saves."""

_OF_THE_DAY = (STATION_HOUR, STATION_DAY, STATION_SERVICE, STATION_EPISODE, NETWORK_HOUR)


class DayFigures(NamedTuple):
    """The rows of every table of the day; none at all when nothing was observed.

    ``stations`` were observed; ``polls`` and ``records`` are those of the day itself, without what holds into it.
    """

    rows: Mapping[Table, Sequence[Row]] = {}
    stations: int = 0
    polls: int = 0
    records: int = 0
    coverage: float = 0.0


class _Day(NamedTuple):
    """A day up to ``until``; ``spans`` are its hours, and then the whole of it."""

    day: LocalDay
    hours: Sequence[LocalHour]
    until: datetime
    spans: DataFrame

    @classmethod
    def of(cls, spark: SparkSession, day: LocalDay, until: datetime) -> _Day:
        hours = [hour for hour in day.hours() if hour.start < until]
        spans = [*(Span(hour.start, hour.end) for hour in hours), Span(day.start, day.end)]
        return cls(day, hours, until, span_rows(spark, spans, until))

    @property
    def whole(self) -> DataFrame:
        return self.spans.where(self.spans.span == len(self.hours))


class _Records(NamedTuple):
    """The polls that reach into the day, what stations and vehicles said in them; ``size`` is about how many."""

    station_polls: DataFrame
    station_statuses: DataFrame
    vehicle_polls: DataFrame
    vehicle_statuses: DataFrame
    size: int
    has_vehicles: bool


def figures_of_day(past: Past, system_id: str, day: LocalDay, until: datetime, thresholds: Thresholds) -> DayFigures:
    """The figures of the day up to ``until``, from the records that reach into it."""
    try:
        return _computed(past, system_id, _Day.of(past.spark, day, until), thresholds)
    finally:
        # Data frames lie in cycles: until Python looks for those, Java keeps all that they stand for, 100 MB a day.
        gc.collect()


def _computed(past: Past, system_id: str, wanted: _Day, thresholds: Thresholds) -> DayFigures:
    records = _records(past, system_id, wanted)
    if records is None:
        return DayFigures()
    generate_code(past.spark, records.size > SMALL_RECORDS)
    with ExitStack() as kept:
        # The session has other work, such as the lake.
        kept.callback(generate_code, past.spark, True)
        observed = _kept(kept, observations(records.station_statuses, records.station_polls))
        found = _found(kept, _kept(kept, runs(observed, records.station_polls, thresholds)), wanted)
        known = timeline(
            _collected(station_totals(observed, records.station_polls, thresholds)),
            _collected(vehicle_totals(records.vehicle_statuses, records.vehicle_polls, thresholds))
            if records.has_vehicles
            else [],
        )
        networks = network_evidence(past.spark.createDataFrame(known), found, wanted.spans)
        return _figures(system_id, wanted, found, networks)


def _found(kept: ExitStack, same: DataFrame, wanted: _Day) -> Found:
    """Stations and network are made of the same changes and episodes: found once."""
    found = Found.of(same, wanted.spans, wanted.whole)
    return found._replace(changes=_kept(kept, found.changes), episodes=_kept(kept, found.episodes))


def _kept(kept: ExitStack, frame: DataFrame) -> DataFrame:
    """The frame, computed once, until ``kept`` is closed."""
    frame.persist()
    kept.callback(frame.unpersist)
    return frame


def _records(past: Past, system_id: str, wanted: _Day) -> _Records | None:
    """None when no poll reaches into the day."""
    feeds = past.records(Topic.FEED_STATUS, system_id, wanted.day.start - LONGEST_HOLD, wanted.until)
    until = min(wanted.day.end, wanted.until)
    found = reaching(polls(feeds), wanted.day.start, until).toArrow()
    if not found.num_rows:
        return None
    stations, vehicles = of_kind(found, STATIONS), of_kind(found, VEHICLES)
    return _Records(
        past.spark.createDataFrame(stations),
        past.records(Topic.STATION_STATUS, system_id, _first(stations, wanted), wanted.until),
        past.spark.createDataFrame(vehicles),
        past.records(Topic.VEHICLE_STATUS, system_id, _first(vehicles, wanted), wanted.until),
        pc.sum(found["entities"]).as_py() or 0,
        vehicles.num_rows > 0,
    )


def _first(found: pa.Table, wanted: _Day) -> datetime:
    return pc.min(found["polled_at"]).as_py() or wanted.until


def _figures(system_id: str, wanted: _Day, found: Found, networks: DataFrame) -> DayFigures:
    """``span`` is the place of the hour in ``hours``, or one more for the day."""
    day, hours, whole = wanted.day, wanted.hours, len(wanted.hours)
    stations = _collected(aggregates.station_figures(station_evidence(found, wanted.spans)))
    network = _collected(aggregates.network_figures(networks))
    of_day = next((row for row in network if row["span"] == whole), None)
    if of_day is None:
        return DayFigures()
    of_hours = found.pieces.where(found.pieces.span < whole)
    rows = {
        STATION_HOUR: aggregates.station_hour_rows(
            day, hours, (row for row in stations if row["span"] < whole), wanted.until
        ),
        STATION_DAY: aggregates.station_day_rows(day, (row for row in stations if row["span"] == whole)),
        STATION_SERVICE: aggregates.service_rows(day, hours, _collected(service_blocks(of_hours))),
        STATION_EPISODE: aggregates.episode_rows(day, _collected(found.episodes)),
        NETWORK_HOUR: aggregates.network_hour_rows(day, hours, system_id, network, wanted.until),
        NETWORK_DAY: [aggregates.network_day_row(day, of_day)],
    }
    return DayFigures(rows, len(rows[STATION_DAY]), of_day["polls"], of_day["records"], of_day["coverage"])


def _collected(frame: DataFrame) -> list[dict[str, Any]]:
    return frame.toArrow().to_pylist()


async def keep(store: Store, system_id: str, day: LocalDay, figures: DayFigures) -> None:
    """Make the store's rows of the day exactly these."""
    partition = [(system_id, day.date)]
    await store.replace(
        dict.fromkeys(_OF_THE_DAY, partition), {table: figures.rows.get(table, ()) for table in _OF_THE_DAY}
    )
    network = figures.rows.get(NETWORK_DAY, ())
    old = await store.read(NETWORK_DAY, (system_id,), lower=day.date, upper=day.date + timedelta(days=1))
    if _known(old) <= _known(network):
        await store.write({NETWORK_DAY: network})
        return
    # An upsert can't remove a row or make a value unknown. All days of a system are one partition.
    others = [row for row in await store.read(NETWORK_DAY, (system_id,)) if row["date"] != day.date]
    await store.replace({NETWORK_DAY: [(system_id,)]}, {NETWORK_DAY: [*others, *network]})


def _known(rows: Sequence[Row]) -> set[str]:
    """The columns that have a value."""
    return {name for row in rows for name, value in row.items() if value is not None}
