"""Small worlds of polls for the tests of the figures, and the figures that Spark makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.pieces import Span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]

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

_FEED_COLUMNS: dict[str, pa.DataType] = {
    "system_id": pa.string(),
    "feed": pa.string(),
    "polled_at": _TIMESTAMP,
    "offset": pa.int64(),
    "is_observing": pa.bool_(),
    "hold_seconds": pa.float64(),
}


class World(NamedTuple):
    """Records as the log would hold them, in the order of their offsets; systems may share one world."""

    statuses: Rows
    feeds: Rows

    def status(
        self, system_id: str, station_id: str, polled_at: datetime, bikes: int | None, docks: int | None, **more: Any
    ) -> None:
        """A station's record; it is there, renting and returning unless ``more`` says otherwise."""
        row = dict.fromkeys(_STATUS_COLUMNS) | {"is_installed": True, "is_renting": True, "is_returning": True}
        place = {"system_id": system_id, "station_id": station_id, "polled_at": polled_at, "offset": self.end()}
        self.statuses.append(row | place | {"bikes": bikes, "docks": docks} | more)

    def feed(
        self, system_id: str, polled_at: datetime, hold_seconds: float, is_observing: bool = True, **more: Any
    ) -> None:
        """What became of the poll's station_status."""
        place = {"system_id": system_id, "feed": "station_status", "polled_at": polled_at, "offset": self.end()}
        self.feeds.append(place | {"is_observing": is_observing, "hold_seconds": hold_seconds} | more)

    def end(self) -> int:
        """The next offset."""
        return len(self.statuses) + len(self.feeds)

    def status_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.statuses, schema=pa.schema(_STATUS_COLUMNS))

    def feed_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.feeds, schema=pa.schema(_FEED_COLUMNS))


class Computed(NamedTuple):
    """The figures by (system, station, span) and by (system, span)."""

    stations: dict[tuple[str, str, int], dict[str, Any]]
    networks: dict[tuple[str, int], dict[str, Any]]


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


def pieces_of(spark: SparkSession, world: World, spans: Sequence[Span], until: datetime) -> DataFrame:
    from pipeline.pieces import observing_polls, poll_pieces, span_rows

    return poll_pieces(observing_polls(spark.createDataFrame(world.feed_table())), span_rows(spark, spans, until))


def compute(spark: SparkSession, world: World, spans: Sequence[Span], until: datetime) -> Computed:
    """The figures over these spans, by two Spark jobs."""
    from pipeline.aggregates import network_figures, station_figures
    from pipeline.pieces import distinct_observations, network_pieces, station_pieces

    pieces = pieces_of(spark, world, spans, until)
    observations = distinct_observations(spark.createDataFrame(world.status_table()))
    stations = station_figures(station_pieces(observations, pieces)).toArrow().to_pylist()
    networks = network_figures(network_pieces(observations, pieces)).toArrow().to_pylist()
    return Computed(
        {(row.pop("system_id"), row.pop("station_id"), row.pop("span")): row for row in stations},
        {(row.pop("system_id"), row.pop("span")): row for row in networks},
    )
