"""Small worlds of polls for the tests of the figures, and the figures that Spark makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.model import Thresholds
from pipeline.pieces import Span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]

USUAL = Thresholds()

_TIMESTAMP = pa.timestamp("us", "UTC")

_STATUS_COLUMNS: dict[str, pa.DataType] = {
    "system_id": pa.string(),
    "station_id": pa.string(),
    "polled_at": _TIMESTAMP,
    "offset": pa.int64(),
    "bikes": pa.int64(),
    "docks": pa.int64(),
    "bikes_disabled": pa.int64(),
    "docks_disabled": pa.int64(),
    "is_installed": pa.bool_(),
    "is_renting": pa.bool_(),
    "is_returning": pa.bool_(),
}

STATUS_SCHEMA = pa.schema(_STATUS_COLUMNS)

_FEED_COLUMNS: dict[str, pa.DataType] = {
    "system_id": pa.string(),
    "feed": pa.string(),
    "polled_at": _TIMESTAMP,
    "offset": pa.int64(),
    "is_observing": pa.bool_(),
    "hold_seconds": pa.float64(),
    "entities_expected": pa.int64(),
    "entities": pa.int64(),
}


_VEHICLE_COLUMNS: dict[str, pa.DataType] = {
    "system_id": pa.string(),
    "vehicle_id": pa.string(),
    "polled_at": _TIMESTAMP,
    "offset": pa.int64(),
    "station_id": pa.string(),
    "is_reserved": pa.bool_(),
    "is_disabled": pa.bool_(),
    "charge": pa.float64(),
    "still_since": _TIMESTAMP,
}


class Tables(NamedTuple):
    """The records of station_status, feed_status and the vehicle feed as tables."""

    statuses: pa.Table
    feeds: pa.Table
    vehicles: pa.Table


class World:
    """Records as the log would hold them, in the order of their offsets; systems may share one world."""

    def __init__(self) -> None:
        self.statuses: Rows = []
        self.feeds: Rows = []
        self.vehicles: Rows = []

    def status(
        self, system_id: str, station_id: str, polled_at: datetime, bikes: int | None, docks: int | None, **more: Any
    ) -> None:
        """A station's record; it is there, renting and returning unless ``more`` says otherwise."""
        row = dict.fromkeys(_STATUS_COLUMNS) | {"is_installed": True, "is_renting": True, "is_returning": True}
        place = {"system_id": system_id, "station_id": station_id, "polled_at": polled_at, "offset": self.end()}
        self.statuses.append(row | place | {"bikes": bikes, "docks": docks} | more)

    def vehicle(self, system_id: str, vehicle_id: str, polled_at: datetime, **more: Any) -> None:
        """A vehicle's record; it is at no station, free and fit unless ``more`` says otherwise."""
        row = dict.fromkeys(_VEHICLE_COLUMNS) | {"is_reserved": False, "is_disabled": False}
        place = {"system_id": system_id, "vehicle_id": vehicle_id, "polled_at": polled_at, "offset": self.end()}
        self.vehicles.append(row | place | more)

    def feed(
        self, system_id: str, polled_at: datetime, hold_seconds: float, is_observing: bool = True, **more: Any
    ) -> None:
        """What became of the poll's station_status, or of the feed that ``more`` names."""
        place = {"system_id": system_id, "feed": "station_status", "polled_at": polled_at, "offset": self.end()}
        self.feeds.append(
            dict.fromkeys(_FEED_COLUMNS) | place | {"is_observing": is_observing, "hold_seconds": hold_seconds} | more
        )

    def tables(self) -> Tables:
        return Tables(self.status_table(), self.feed_table(), self.vehicle_table())

    def end(self) -> int:
        """The next offset."""
        return len(self.statuses) + len(self.feeds) + len(self.vehicles)

    def status_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.statuses, schema=STATUS_SCHEMA)

    def vehicle_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.vehicles, schema=pa.schema(_VEHICLE_COLUMNS))

    def feed_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.feeds, schema=pa.schema(_FEED_COLUMNS))


class Computed(NamedTuple):
    """The figures by (system, station, span) and by (system, span), episodes by (system, station, kind, start) and
    blocks by (system, station, span, bikes, docks)."""

    stations: dict[tuple[str, str, int], dict[str, Any]]
    networks: dict[tuple[str, int], dict[str, Any]]
    episodes: dict[tuple[str, str, str, int], dict[str, Any]]
    blocks: dict[tuple[str, str, int, int, int], dict[str, Any]]


def differences(found: Mapping[Any, Row], expected: Mapping[Any, Row]) -> list[tuple[Any, ...]]:
    """Where the rows are not the same: keys that only one side has, and values that differ by more than 1e-9."""
    keys = [(key, key in found, key in expected) for key in found.keys() ^ expected.keys()]
    values = [
        (key, name, found[key][name], value)
        for key in found.keys() & expected.keys()
        for name, value in expected[key].items()
        if not _is_close(found[key][name], value)
    ]
    return [*keys, *values]


def _is_close(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def compute(
    spark: SparkSession, tables: Tables, spans: Sequence[Span], until: datetime, thresholds: Thresholds = USUAL
) -> Computed:
    """The figures over these spans, of which the last is the whole day."""
    from pipeline.aggregates import network_figures, station_figures
    from pipeline.day_figures import SMALL_RECORDS
    from pipeline.evidence import Found, service_blocks, station_evidence
    from pipeline.network_evidence import network_evidence
    from pipeline.network_totals import station_totals, vehicle_totals
    from pipeline.pieces import STATIONS, VEHICLES, of_kind, polls, reaching, span_rows
    from pipeline.runs import observations, runs
    from pipeline.spark import generate_code
    from pipeline.timeline import timeline

    generate_code(spark, tables.statuses.num_rows > SMALL_RECORDS)
    feeds = spark.createDataFrame(tables.feeds)
    rows = span_rows(spark, spans, until)
    day = Span(spans[-1].start, min(spans[-1].end, until))
    both = reaching(polls(feeds), *day).toArrow()
    known, ridden = (spark.createDataFrame(of_kind(both, kind)) for kind in (STATIONS, VEHICLES))
    observed = observations(spark.createDataFrame(tables.statuses), known).persist()
    same = runs(observed, known, thresholds).persist()
    found = Found.of(same, rows, rows.where(rows.span == len(spans) - 1))
    stations = station_totals(observed, known, thresholds)
    vehicles = vehicle_totals(spark.createDataFrame(tables.vehicles), ridden, thresholds)
    stretches = timeline(stations.toArrow().to_pylist(), vehicles.toArrow().to_pylist())
    networks = network_figures(network_evidence(spark.createDataFrame(stretches), found, rows))
    computed = Computed(
        _by(station_figures(station_evidence(found, rows)), "system_id", "station_id", "span"),
        _by(networks, "system_id", "span"),
        _by(found.episodes, "system_id", "station_id", "episode", "seen"),
        _by(service_blocks(found.pieces), "system_id", "station_id", "span", "bikes_served", "docks_served"),
    )
    same.unpersist()
    observed.unpersist()
    generate_code(spark, True)
    return computed


def _by(frame: DataFrame, *key: str) -> dict[Any, dict[str, Any]]:
    return {tuple(row.pop(name) for name in key): row for row in frame.toArrow().to_pylist()}
