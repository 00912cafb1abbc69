"""Observed capacity: what a station has been seen to hold, since declared capacities are often placeholders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from pipeline.ports import Row, Store
from pipeline.tables import BATCH_DAY, STATION, STATION_CAPACITY, STATION_DAY

DAYS = 30
"""Over how many computed days with data the largest capacity_seen counts."""

ALIKE_STATIONS = 10
"""From how many stations with a declared capacity on one that nearly all share is suspicious."""

ALIKE_PERCENT = 90
"""How many of them have to share it."""


async def write_capacities(store: Store, system_id: str) -> None:
    """Make station_capacity of the system what its newest computed days say; the same days give the same rows."""
    days = await _newest_days(store, system_id)
    largest: dict[str, int] = {}
    for day in days:
        for row in await store.read(STATION_DAY, (system_id, day), columns=["station_id", "capacity_seen"]):
            _take(largest, row)
    declared = await _declared(store, system_id)
    flags = placeholders(declared, largest)
    rows: list[Row] = [
        {
            "system_id": system_id,
            "station_id": station_id,
            "capacity_observed": capacity,
            "date": days[0],
            "is_placeholder": flags.get(station_id),
        }
        for station_id, capacity in largest.items()
    ]
    await store.replace({STATION_CAPACITY: [(system_id,)]}, {STATION_CAPACITY: rows})


def placeholders(declared: Mapping[str, int], observed: Mapping[str, int]) -> dict[str, bool]:
    """Which declared capacities are placeholders beside the observed ones, by station; both are counts of docks.

    One is that is 0 or less, or less than what was observed, or that (nearly) all stations declare, though they were
    not all observed to hold just that. Stations of which only one of the two is known are left out.
    """
    shared = _shared_placeholder(declared, observed)
    return {
        station_id: capacity <= 0 or capacity < observed[station_id] or capacity == shared
        for station_id, capacity in declared.items()
        if station_id in observed
    }


def _shared_placeholder(declared: Mapping[str, int], observed: Mapping[str, int]) -> int | None:
    if len(declared) < ALIKE_STATIONS:
        return None
    ((common, count),) = Counter(declared.values()).most_common(1)
    if 100 * count < ALIKE_PERCENT * len(declared):
        return None
    alike = [station_id for station_id, capacity in declared.items() if capacity == common]
    seen = {observed[station_id] for station_id in alike if station_id in observed}
    return None if seen <= {common} else common


async def _declared(store: Store, system_id: str) -> dict[str, int]:
    """The declared capacities that there are."""
    rows = await store.read(STATION, (system_id,), columns=["station_id", "capacity"])
    return {str(row["station_id"]): row["capacity"] for row in rows if isinstance(row["capacity"], int)}


async def _newest_days(store: Store, system_id: str) -> list[date]:
    """The newest days with data, the newest first."""
    computed = await store.read(BATCH_DAY, (system_id,), newest_first=True)
    days = [row["date"] for row in computed if row["records"]]
    return [day for day in days if isinstance(day, date)][:DAYS]


def _take(largest: dict[str, int], row: Row) -> None:
    station_id, seen = row["station_id"], row["capacity_seen"]
    if isinstance(station_id, str) and isinstance(seen, int):
        largest[station_id] = max(seen, largest.get(station_id, 0))
