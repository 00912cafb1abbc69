from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
import pytest_asyncio

from pipeline.capacity import DAYS, placeholders, write_capacities
from pipeline.ports import Row, Store
from pipeline.tables import BATCH_DAY, STATION, STATION_CAPACITY, STATION_DAY, TABLES
from pipeline.wiring import open_store

NEWEST = date(2026, 6, 30)


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url) as opened:
        await opened.create(TABLES)
        yield opened


async def keep(store: Store, day: date, records: int = 1, **seen: int | None) -> None:
    place: Row = {"system_id": "brest", "date": day}
    rows = [{**place, "station_id": station_id, "capacity_seen": capacity} for station_id, capacity in seen.items()]
    await store.write({BATCH_DAY: [{**place, "records": records}], STATION_DAY: rows})


async def capacities(store: Store) -> dict[object, tuple[object, object]]:
    await write_capacities(store, "brest")
    rows = await store.read(STATION_CAPACITY, ("brest",))
    return {row["station_id"]: (row["capacity_observed"], row["date"]) for row in rows}


async def test_the_largest_of_the_days_counts(store: Store) -> None:
    await keep(store, NEWEST, a=9, b=20)
    await keep(store, NEWEST - timedelta(days=1), a=12, b=None)
    assert await capacities(store) == {"a": (12, NEWEST), "b": (20, NEWEST)}


@pytest.mark.parametrize(("age", "expected"), [(DAYS - 1, 12), (DAYS, 9)])
async def test_only_the_newest_30_days_with_data_count(store: Store, age: int, expected: int) -> None:
    for number in range(age):
        await keep(store, NEWEST - timedelta(days=number), a=9)
    # Days without data in between make the others no older.
    await keep(store, NEWEST + timedelta(days=1), records=0)
    await keep(store, NEWEST - timedelta(days=age), a=12)
    assert await capacities(store) == {"a": (expected, NEWEST)}


async def test_a_station_that_has_left_the_days_leaves_the_table(store: Store) -> None:
    await store.write({STATION_CAPACITY: [{"system_id": "brest", "station_id": "gone", "capacity_observed": 9}]})
    await keep(store, NEWEST, a=9)
    assert await capacities(store) == {"a": (9, NEWEST)}


async def test_a_declared_capacity_is_judged_beside_the_observed_one(store: Store) -> None:
    declared = {"a": 9, "b": 10, "c": 12, "d": 0, "e": None, "f": 7}
    row: Row = {"system_id": "brest", "polled_at": datetime(2026, 6, 30, tzinfo=UTC)}
    await store.write({STATION: [{**row, "station_id": name, "capacity": docks} for name, docks in declared.items()]})
    await keep(store, NEWEST, a=9, b=11, c=4, d=0, e=5, g=5)
    await write_capacities(store, "brest")
    flags = {row["station_id"]: row["is_placeholder"] for row in await store.read(STATION_CAPACITY, ("brest",))}
    assert flags == {"a": False, "b": True, "c": False, "d": True, "e": None, "g": None}


@pytest.mark.parametrize(
    ("alike", "others", "holds", "expected"),
    [(9, 1, 8, True), (8, 2, 8, False), (9, 0, 8, False), (10, 0, 10, False), (90, 10, 8, True), (89, 11, 8, False)],
)
def test_a_capacity_that_nearly_all_declare_is_one_unless_all_hold_just_that(
    alike: int, others: int, holds: int, expected: bool
) -> None:
    declared = {str(number): 10 for number in range(alike)} | {f"other {number}": 20 for number in range(others)}
    # The first one fills up to what it declares: it is no better known for that.
    observed = {"0": 10, "1": holds, "other 0": 15}
    assert placeholders(declared, observed) == {
        station_id: expected and declared[station_id] == 10 for station_id in observed if station_id in declared
    }
