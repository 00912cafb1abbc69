"""Every table of the store, defined once; adapters render SQLite DDL and CQL from here."""

from __future__ import annotations

from pipeline.tables.figures import (
    BATCH_DAY,
    LAKE_HOUR,
    NETWORK_DAY,
    NETWORK_HOUR,
    STATION_CAPACITY,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HOUR,
    STATION_SERVICE,
)
from pipeline.tables.live import (
    FEED_LATEST,
    NETWORK_HISTORY,
    STATION,
    STATION_HISTORY,
    STATION_LATEST,
    SYSTEM,
    VEHICLE_LATEST,
)
from pipeline.tables.table import ColumnType, Table

SCHEMA_VERSION = 2
"""Raised with every change of a table; a store written by a newer version is refused."""

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
    STATION_SERVICE,
    STATION_EPISODE,
    NETWORK_HOUR,
    NETWORK_DAY,
    STATION_CAPACITY,
    BATCH_DAY,
    LAKE_HOUR,
)

__all__ = [
    "BATCH_DAY",
    "FEED_LATEST",
    "LAKE_HOUR",
    "NETWORK_DAY",
    "NETWORK_HISTORY",
    "NETWORK_HOUR",
    "SCHEMA_VERSION",
    "STATION",
    "STATION_CAPACITY",
    "STATION_DAY",
    "STATION_EPISODE",
    "STATION_HISTORY",
    "STATION_HOUR",
    "STATION_LATEST",
    "STATION_SERVICE",
    "SYSTEM",
    "TABLES",
    "VEHICLE_LATEST",
    "ColumnType",
    "Table",
]
