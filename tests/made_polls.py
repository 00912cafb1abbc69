"""Polls made for tests of what Spark computes: records as an observer makes them, and a way into the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.model import (
    TOPIC_OF,
    FeedState,
    FeedStatus,
    Record,
    StationStatus,
    Topic,
    VehicleStatus,
    encode,
)
from pipeline.ports import LogRecord, Store, TopicPartition
from pipeline.tables import Table

SYSTEM = "brest"
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOLD = 180.0


def station(station_id: str, bikes: int | None, docks: int | None, polled_at: datetime, **more: Any) -> StationStatus:
    """An open station that changed and was seen a minute before, unless said otherwise."""
    values: dict[str, Any] = {
        "system_id": SYSTEM,
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "changed": True,
        "seen_before": polled_at - MINUTE,
        "hold_seconds": HOLD,
        "stations_in_poll": 1,
    }
    return StationStatus(station_id=station_id, bikes=bikes, docks=docks, polled_at=polled_at, **values | more)


def vehicle(vehicle_id: str, station_id: str | None, polled_at: datetime, **more: Any) -> VehicleStatus:
    values: dict[str, Any] = {
        "system_id": SYSTEM,
        "lat": 48.39,
        "lon": -4.48,
        "is_reserved": False,
        "is_disabled": False,
        "hold_seconds": HOLD,
        "vehicles_in_poll": 1,
    }
    return VehicleStatus(vehicle_id=vehicle_id, station_id=station_id, polled_at=polled_at, **values | more)


def feed(name: str, polled_at: datetime, **more: Any) -> FeedStatus:
    """A feed that was taken."""
    values: dict[str, Any] = {
        "system_id": SYSTEM,
        "state": FeedState.OK,
        "is_observing": True,
        "interval_seconds": 60.0,
        "hold_seconds": HOLD,
    }
    return FeedStatus(feed=name, polled_at=polled_at, **values | more)


def poll(polled_at: datetime, counts: Mapping[str, tuple[int, int]], **more: Any) -> list[Record]:
    """A poll of stations with these bikes and docks, and what became of its feed."""
    stations = [
        station(station_id, bikes, docks, polled_at, stations_in_poll=len(counts), **more)
        for station_id, (bikes, docks) in counts.items()
    ]
    expected = feed("station_status", polled_at, entities=len(counts), entities_expected=len(counts))
    return [expected, *stations]


def log_records(records: Sequence[Record]) -> list[LogRecord]:
    """The records as they are published."""
    return [LogRecord(TOPIC_OF[type(record)], record.key, encode(record)) for record in records]


def offsets(end: int, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
    """The same offset for each topic, as in the SQLite log."""
    return {TopicPartition(topic, 0): end for topic in topics}


async def rows(store: Store, table: Table, *partition: Any) -> list[dict[str, Any]]:
    """The partition's rows, without what is unknown."""
    found = await store.read(table, partition)
    return [{name: value for name, value in row.items() if value is not None} for row in found]
