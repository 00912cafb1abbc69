"""The tables that the batch keeps: the figures of local hours and days, and what is known of their making."""

from __future__ import annotations

from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric
from pipeline.tables.table import ColumnType, Table


def _metric_columns(metrics: tuple[Metric, ...]) -> dict[str, ColumnType]:
    return {metric.name: metric.type for metric in metrics}  # type: ignore[misc]  # Metric.type is a ColumnType


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

STATION_SERVICE = Table(
    "station_service",
    "What the service level of one station on one local day is computed from: for how long it had how many bikes"
    " to rent and docks to return to. hours is JSON: [[local hour, bikes, docks, microseconds], ...], counts of 5"
    " standing for 5 or more, -1 for unknown.",
    {"system_id": "text", "date": "date", "station_id": "text", "hours": "text"},
    partition=("system_id", "date"),
    clustering=("station_id",),
    is_replaced=True,
)

STATION_EPISODE = Table(
    "station_episode",
    "The stretches of one local day in which a station was seen EMPTY or FULL without a gap. One that is_censored"
    " was cut off at either end, by a gap or the edge of the day: it lasted at least so many seconds.",
    {
        "system_id": "text",
        "date": "date",
        "station_id": "text",
        "state": "text",
        "start": "timestamp",
        "seconds": "double",
        "is_censored": "boolean",
    },
    partition=("system_id", "date"),
    clustering=("station_id", "state", "start"),
    is_replaced=True,
    units={"seconds": "s"},
)

NETWORK_HOUR = Table(
    "network_hour",
    "The network in one local hour. date and hour are local; start is the instant the hour begins.",
    {
        "system_id": "text",
        "date": "date",
        "start": "timestamp",
        "hour": "long",
        "polls": "long",
        **_metric_columns(NETWORK_METRICS),
    },
    partition=("system_id", "date"),
    clustering=("start",),
    is_replaced=True,
    units={metric.name: metric.unit for metric in NETWORK_METRICS},
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
    "Observed capacity: the largest capacity_seen of the last 30 days with data, and whether the declared"
    " capacity is a placeholder beside it.",
    {
        "system_id": "text",
        "station_id": "text",
        "capacity_observed": "long",
        "date": "date",
        "is_placeholder": "boolean",
    },
    partition=("system_id",),
    clustering=("station_id",),
    is_replaced=True,
)

BATCH_DAY = Table(
    "batch_day",
    "The manifest of each computed local day: when, from how many records, whether the day was over by then;"
    " inputs (JSON: what was read, and a digest of it), offsets (JSON: how far lake and log were), rows (JSON: how"
    " many in each table), and the version and revision of the definitions.",
    {
        "system_id": "text",
        "date": "date",
        "computed_at": "timestamp",
        "records": "long",
        "polls": "long",
        "is_complete": "boolean",
        "version": "text",
        "revision": "text",
        "inputs": "text",
        "offsets": "text",
        "rows": "text",
    },
    partition=("system_id",),
    clustering=("date",),
)

LAKE_HOUR = Table(
    "lake_hour",
    "When records of an hour (UTC, by polled_at) last came into the lake: later than its day was computed, they"
    " are late.",
    {"system_id": "text", "start": "timestamp", "written_at": "timestamp"},
    partition=("system_id",),
    clustering=("start",),
    newest_by="written_at",
    ttl_days=400,
)
