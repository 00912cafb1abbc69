"""Every table of the store, defined once; adapters render SQLite DDL and CQL from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric

ColumnType = Literal["text", "long", "double", "boolean", "timestamp", "date"]

SCHEMA_VERSION = 1
"""Raised with every change of a table; a store written by a newer version is refused."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table: rows keyed by ``partition`` (read as one) and, within it, ordered by ``clustering``.

    With ``newest_by`` an upsert never replaces a row whose value in that column is greater. Rows older than
    ``ttl_days`` (by their writing) may be removed by the engine. ``is_replaced``: its partitions may be replaced
    as wholes, which costs an engine without transactions a look-up at every read.
    """

    name: str
    description: str
    columns: Mapping[str, ColumnType]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    newest_by: str | None = None
    ttl_days: int | None = None
    is_replaced: bool = False
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        return self.partition + self.clustering


def _metric_columns(metrics: tuple[Metric, ...]) -> dict[str, ColumnType]:
    return {metric.name: metric.type for metric in metrics}  # type: ignore[misc]  # Metric.type is a ColumnType


_STATION_COUNTS: dict[str, ColumnType] = {
    "bikes": "long",
    "docks": "long",
    "bikes_disabled": "long",
    "docks_disabled": "long",
    "is_installed": "boolean",
    "is_renting": "boolean",
    "is_returning": "boolean",
    "last_reported": "timestamp",
    "hold_seconds": "double",
}

SYSTEM = Table(
    "system",
    "The systems seen so far. Its one partition is named 'all'.",
    {
        "part": "text",
        "system_id": "text",
        "polled_at": "timestamp",
        "name": "text",
        "time_zone": "text",
        "operator": "text",
        "language": "text",
        "feed_url": "text",
    },
    partition=("part",),
    clustering=("system_id",),
    newest_by="polled_at",
)

STATION = Table(
    "station",
    "Stations as last declared.",
    {
        "system_id": "text",
        "station_id": "text",
        "polled_at": "timestamp",
        "name": "text",
        "lat": "double",
        "lon": "double",
        "capacity": "long",
        "address": "text",
        "is_virtual": "boolean",
    },
    partition=("system_id",),
    clustering=("station_id",),
    newest_by="polled_at",
)

STATION_LATEST = Table(
    "station_latest",
    "The newest record of each station.",
    {
        "system_id": "text",
        "station_id": "text",
        "polled_at": "timestamp",
        **_STATION_COUNTS,
        "seen_before": "timestamp",
        "stations_in_poll": "long",
    },
    partition=("system_id",),
    clustering=("station_id",),
    newest_by="polled_at",
)

STATION_HISTORY = Table(
    "station_history",
    "Records that changed, or that end a gap: a state holds until the next row, but never longer than"
    " hold_seconds after that row's seen_before. month is the UTC month of polled_at, as 202611.",
    {
        "system_id": "text",
        "station_id": "text",
        "month": "long",
        "polled_at": "timestamp",
        **_STATION_COUNTS,
        "seen_before": "timestamp",
    },
    partition=("system_id", "station_id", "month"),
    clustering=("polled_at",),
    ttl_days=400,
)

NETWORK_HISTORY = Table(
    "network_history",
    "The network's totals, one row per poll. day is the UTC date of polled_at.",
    {
        "system_id": "text",
        "day": "date",
        "polled_at": "timestamp",
        "stations_expected": "long",
        "stations_reporting": "long",
        "bikes": "long",
        "docks": "long",
        "bikes_disabled": "long",
        "docks_disabled": "long",
        "stations_empty": "long",
        "stations_nearly_empty": "long",
        "stations_full": "long",
        "stations_nearly_full": "long",
        "stations_closed": "long",
        "stations_unknown": "long",
        "vehicles_outside_stations": "long",
        "vehicles_reserved": "long",
        "vehicles_disabled": "long",
        "hold_seconds": "double",
    },
    partition=("system_id", "day"),
    clustering=("polled_at",),
    ttl_days=400,
)

VEHICLE_LATEST = Table(
    "vehicle_latest",
    "The newest record of each vehicle. A vehicle is there if the newest poll of the feed saw it; ids rotate,"
    " so old rows expire.",
    {
        "system_id": "text",
        "vehicle_id": "text",
        "polled_at": "timestamp",
        "lat": "double",
        "lon": "double",
        "station_id": "text",
        "is_reserved": "boolean",
        "is_disabled": "boolean",
        "vehicle_type_id": "text",
        "range_meters": "double",
        "charge": "double",
        "last_reported": "timestamp",
        "hold_seconds": "double",
    },
    partition=("system_id",),
    clustering=("vehicle_id",),
    newest_by="polled_at",
    ttl_days=2,
)

FEED_LATEST = Table(
    "feed_latest",
    "What happened to the newest fetch of each feed.",
    {
        "system_id": "text",
        "feed": "text",
        "polled_at": "timestamp",
        "state": "text",
        "is_observing": "boolean",
        "entities": "long",
        "entities_expected": "long",
        "reason": "text",
        "http_status": "long",
        "latency_ms": "double",
        "bytes": "long",
        "last_updated": "timestamp",
        "ttl_seconds": "double",
        "interval_seconds": "double",
        "hold_seconds": "double",
        "deviations": "long",
        "deviations_by_rule": "text",
    },
    partition=("system_id",),
    clustering=("feed",),
    newest_by="polled_at",
)

STATION_HOUR = Table(
    "station_hour",
    "One station in one local hour. date and hour are local; start is the instant the hour begins.",
    {
        "system_id": "text",
        "date": "date",
        "station_id": "text",
        "start": "timestamp",
        "hour": "long",
        **_metric_columns(STATION_METRICS),
    },
    partition=("system_id", "date"),
    clustering=("station_id", "start"),
    is_replaced=True,
    units={metric.name: metric.unit for metric in STATION_METRICS},
)

STATION_DAY = Table(
    "station_day",
    "One station in one local day; capacity_seen is the most bikes, docks and disabled ones at once.",
    {
        "system_id": "text",
        "date": "date",
        "station_id": "text",
        **_metric_columns(STATION_METRICS),
        "capacity_seen": "long",
    },
    partition=("system_id", "date"),
    clustering=("station_id",),
    is_replaced=True,
    units={metric.name: metric.unit for metric in STATION_METRICS},
)

NETWORK_DAY = Table(
    "network_day",
    "The network in one local day: means over the time in which the network was observed.",
    {
        "system_id": "text",
        "date": "date",
        "polls": "long",
        **_metric_columns(NETWORK_METRICS),
    },
    partition=("system_id",),
    clustering=("date",),
    is_replaced=True,
    units={metric.name: metric.unit for metric in NETWORK_METRICS},
)

STATION_CAPACITY = Table(
    "station_capacity",
    "Observed capacity: the largest capacity_seen of the last 30 days with data.",
    {
        "system_id": "text",
        "station_id": "text",
        "capacity_observed": "long",
        "date": "date",
    },
    partition=("system_id",),
    clustering=("station_id",),
    is_replaced=True,
)

BATCH_DAY = Table(
    "batch_day",
    "Which local days were computed, when, from how many records, and whether the day was over by then.",
    {
        "system_id": "text",
        "date": "date",
        "computed_at": "timestamp",
        "records": "long",
        "polls": "long",
        "is_complete": "boolean",
        "version": "text",
    },
    partition=("system_id",),
    clustering=("date",),
)

TABLES: tuple[Table, ...] = (
    SYSTEM,
    STATION,
    STATION_LATEST,
    STATION_HISTORY,
    NETWORK_HISTORY,
    VEHICLE_LATEST,
    FEED_LATEST,
    STATION_HOUR,
    STATION_DAY,
    NETWORK_DAY,
    STATION_CAPACITY,
    BATCH_DAY,
)
