"""The tables that the stream keeps: what is declared, what is now, and what was in each poll."""

from __future__ import annotations

from pipeline.tables.table import ColumnType, Table

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
        "stations_unusable": "long",
        "imbalance": "double",
        "fleet": "long",
        "vehicles_abandoned": "long",
        "vehicles_low_charge": "long",
        "charge_low_quartile": "double",
        "charge_median": "double",
        "charge_high_quartile": "double",
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
        "still_since": "timestamp",
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
