"""What every store promises of partitions that are replaced as wholes, against each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ports import Row, Store, StoreError
from pipeline.tables import STATION_CAPACITY, STATION_LATEST
from tests.contract_store import NOON, opened, station, whole


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with opened(store_url) as found:
        yield found


def capacity(station_id: str, seen: int | None = None, system_id: str = "brest") -> Row:
    return {"system_id": system_id, "station_id": station_id, "capacity_observed": seen}


async def test_replacing_leaves_exactly_the_new_rows_and_other_partitions_alone(store: Store) -> None:
    rennes = capacity("1", 9, "rennes")
    await store.write({STATION_CAPACITY: [capacity("1", 1), capacity("2", 2), rennes]})
    await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1"), capacity("3", 3)]})
    assert await store.read(STATION_CAPACITY, ("brest",)) == [
        whole(STATION_CAPACITY, capacity("1")),
        whole(STATION_CAPACITY, capacity("3", 3)),
    ]
    await store.replace({STATION_CAPACITY: [("brest",)]}, {})
    assert await store.read(STATION_CAPACITY, ("brest",)) == []
    assert await store.read(STATION_CAPACITY, ("rennes",)) == [whole(STATION_CAPACITY, rennes)]


async def test_a_replaced_partition_takes_further_rows_and_keeps_them_when_the_store_expires(store: Store) -> None:
    for seen in (1, 2, 3):
        await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", seen)]})
    await store.write({STATION_CAPACITY: [capacity("2", 5), {**capacity("1"), "date": NOON.date()}]})
    await store.expire(datetime.now(UTC) + timedelta(days=9))
    assert await store.read(STATION_CAPACITY, ("brest",)) == [
        whole(STATION_CAPACITY, {**capacity("1", 3), "date": NOON.date()}),
        whole(STATION_CAPACITY, capacity("2", 5)),
    ]


async def test_replacing_upserts_rows_of_tables_of_which_it_names_no_partition(store: Store) -> None:
    await store.replace(
        {STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", 3)], STATION_LATEST: [station("1")]}
    )
    assert await store.read(STATION_CAPACITY, ("brest",)) == [whole(STATION_CAPACITY, capacity("1", 3))]
    assert await store.read(STATION_LATEST, ("brest",)) == [whole(STATION_LATEST, station("1"))]


async def test_replacing_refuses_a_row_of_a_partition_that_it_does_not_name(store: Store) -> None:
    await store.write({STATION_CAPACITY: [capacity("1", 1)]})
    with pytest.raises(StoreError, match="rennes"):
        await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", 2, "rennes")]})
    assert await store.read(STATION_CAPACITY, ("brest",)) == [whole(STATION_CAPACITY, capacity("1", 1))]


async def test_replacing_refuses_a_table_that_is_only_upserted(store: Store) -> None:
    with pytest.raises(StoreError, match=r"^Partitions of table station_latest are not replaced as wholes"):
        await store.replace({STATION_LATEST: [("brest",)]}, {STATION_LATEST: [station("1")]})
