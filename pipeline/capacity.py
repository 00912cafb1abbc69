"""Observed capacity: what a station has been seen to hold, since declared capacities are often placeholders."""

from __future__ import annotations

from datetime import date

from pipeline.ports import Row, Store
from pipeline.tables import BATCH_DAY, STATION_CAPACITY, STATION_DAY

DAYS = 30
"""Over how many computed days with data the largest capacity_seen counts."""


async def write_capacities(store: Store, system_id: str) -> None:
    """Make station_capacity of the system what its newest computed days say; the same days give the same rows."""
    days = await _newest_days(store, system_id)
    largest: dict[str, int] = {}
    for day in days:
        for row in await store.read(STATION_DAY, (system_id, day)):
            _take(largest, row)
    rows: list[Row] = [
        {"system_id": system_id, "station_id": station_id, "capacity_observed": capacity, "date": days[0]}
        for station_id, capacity in largest.items()
    ]
    await store.replace({STATION_CAPACITY: [(system_id,)]}, {STATION_CAPACITY: rows})


async def _newest_days(store: Store, system_id: str) -> list[date]:
    """The newest days with data, the newest first."""
    computed = await store.read(BATCH_DAY, (system_id,), newest_first=True)
    days = [row["date"] for row in computed if row["records"]]
    return [day for day in days if isinstance(day, date)][:DAYS]


def _take(largest: dict[str, int], row: Row) -> None:
    station_id, seen = row["station_id"], row["capacity_seen"]
    if isinstance(station_id, str) and isinstance(seen, int):
        largest[station_id] = max(seen, largest.get(station_id, 0))
