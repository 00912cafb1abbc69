"""What every store promises, against each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.ports import Consumed, Row, Store, StoreError, TopicPartition, Value
from pipeline.tables import (
    STATION_CAPACITY,
    STATION_HISTORY,
    STATION_HOUR,
    STATION_LATEST,
    SYSTEM,
    TABLES,
    VEHICLE_LATEST,
)
from tests.contract_store import NOON, change, opened, station, whole
from tests.store_writer import PARTITION


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with opened(store_url) as found:
        yield found


async def test_a_row_comes_back_with_every_column_in_its_type(store: Store) -> None:
    row: Row = {
        "system_id": "brest",
        "vehicle_id": "vélo 'ö' \"1\"",
        "polled_at": NOON,
        "lat": 48.390394,
        "lon": -4,
        "station_id": "12",
        "is_reserved": False,
        "is_disabled": True,
        "vehicle_type_id": "",
        "range_meters": 1e-3,
        "charge": None,
        "last_reported": datetime(1970, 1, 1, tzinfo=UTC),
        "hold_seconds": 180.0,
    }
    await store.write({VEHICLE_LATEST: [row]})
    [read] = await store.read(VEHICLE_LATEST, ("brest",))
    assert read == whole(VEHICLE_LATEST, row)
    types = {name: type(value) for name, value in whole(VEHICLE_LATEST, row).items()}
    assert {name: type(value) for name, value in read.items()} == {**types, "lon": float}
    assert read["polled_at"] == NOON
    assert isinstance(read["polled_at"], datetime)
    assert read["polled_at"].tzinfo is UTC


async def test_dates_come_back_as_dates(store: Store) -> None:
    row: Row = {"system_id": "brest", "station_id": "1", "capacity_observed": 12, "date": date(2026, 11, 21)}
    await store.write({STATION_CAPACITY: [row]})
    assert await store.read(STATION_CAPACITY, ("brest",)) == [{**row, "is_placeholder": None}]


@pytest.mark.parametrize(
    ("column", "value"),
    [("bikes", "3"), ("is_renting", 1), ("polled_at", NOON.replace(tzinfo=None)), ("hold_seconds", "180"), ("bike", 3)],
)
async def test_a_value_that_does_not_fit_its_column_is_refused_and_nothing_written(
    store: Store, column: str, value: Value
) -> None:
    with pytest.raises(StoreError, match=column):
        await store.write({STATION_LATEST: [station("1"), {**station("2"), column: value}]})
    assert await store.read(STATION_LATEST, ("brest",)) == []


@pytest.mark.parametrize("column", ["system_id", "station_id", "polled_at"])
async def test_a_row_without_its_key_or_its_age_is_refused(store: Store, column: str) -> None:
    with pytest.raises(StoreError, match=column):
        await store.write({STATION_LATEST: [{**station("1"), column: None}]})


async def test_writing_the_same_rows_again_changes_nothing(store: Store) -> None:
    rows = {STATION_LATEST: [station("1", bikes=3)], STATION_HISTORY: [change("1", 0, 3), change("1", 60, 4)]}
    consumed = Consumed("stream", {PARTITION: 7})
    for _ in range(3):
        await store.write(rows, consumed)
    assert await store.read(STATION_LATEST, ("brest",)) == [whole(STATION_LATEST, rows[STATION_LATEST][0])]
    assert await store.read(STATION_HISTORY, ("brest", "1", 202611)) == [
        whole(STATION_HISTORY, row) for row in rows[STATION_HISTORY]
    ]
    assert await store.offsets("stream") == {PARTITION: 7}


async def test_a_row_never_replaces_a_newer_one(store: Store) -> None:
    await store.write({STATION_LATEST: [station("1", after=60, bikes=5), station("2", bikes=1)]})
    await store.write({STATION_LATEST: [station("1", bikes=3, docks=9), station("2", after=60, bikes=2)]})
    assert await store.read(STATION_LATEST, ("brest",)) == [
        whole(STATION_LATEST, station("1", after=60, bikes=5)),
        whole(STATION_LATEST, station("2", after=60, bikes=2)),
    ]


async def test_the_newest_of_several_rows_in_one_write_wins(store: Store) -> None:
    await store.write({STATION_LATEST: [station("1", bikes=1), station("1", after=60, bikes=2), station("1", bikes=3)]})
    assert await store.read(STATION_LATEST, ("brest",)) == [
        whole(STATION_LATEST, station("1", after=60, bikes=2)),
    ]


async def test_a_column_left_out_keeps_what_it_holds(store: Store) -> None:
    await store.write({STATION_LATEST: [station("1", bikes=1, docks=8)], STATION_HISTORY: [change("1", 0, 1)]})
    await store.write({STATION_LATEST: [station("1", after=60, bikes=2)]})
    await store.write({STATION_HISTORY: [{**change("1", 0), "docks": 8}]})
    assert await store.read(STATION_LATEST, ("brest",)) == [
        whole(STATION_LATEST, station("1", after=60, bikes=2, docks=8))
    ]
    assert await store.read(STATION_HISTORY, ("brest", "1", 202611)) == [
        whole(STATION_HISTORY, {**change("1", 0, 1), "docks": 8})
    ]


async def test_a_newer_record_may_know_less_than_the_one_before(store: Store) -> None:
    await store.write({STATION_LATEST: [station("1", bikes=1, docks=8)]})
    await store.write({STATION_LATEST: [station("1", after=60, bikes=2, docks=None)]})
    assert await store.read(STATION_LATEST, ("brest",)) == [whole(STATION_LATEST, station("1", after=60, bikes=2))]


async def test_each_job_has_its_own_offsets_and_they_never_go_back(store: Store) -> None:
    vehicles = TopicPartition("vehicle_status", 0)
    assert await store.offsets("stream") == {}
    await store.write({}, Consumed("stream", {PARTITION: 10, vehicles: 4}))
    await store.write({}, Consumed("lake", {PARTITION: 3}))
    await store.write({}, Consumed("stream", {PARTITION: 9, vehicles: 5}))
    assert await store.offsets("stream") == {PARTITION: 10, vehicles: 5}
    assert await store.offsets("lake") == {PARTITION: 3}


async def test_offsets_are_not_stored_without_their_rows(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.write({STATION_LATEST: [{"system_id": "brest"}]}, Consumed("stream", {PARTITION: 10}))
    assert await store.offsets("stream") == {}


async def times(store: Store, **bounds: Value) -> list[float]:
    partition = ("brest", "1", 202611)
    rows = await store.read(STATION_HISTORY, partition, **bounds)  # type: ignore[arg-type]
    instants = [row["polled_at"] for row in rows]
    return [(instant - NOON).total_seconds() for instant in instants if isinstance(instant, datetime)]


async def test_a_range_is_read_in_clustering_order(store: Store) -> None:
    await store.write({STATION_HISTORY: [change("1", after) for after in (120, 0, 240, 60, 180)] + [change("2", 30)]})
    minute, three = NOON + timedelta(seconds=60), NOON + timedelta(seconds=180)
    assert await times(store) == [0, 60, 120, 180, 240]
    assert await times(store, lower=minute, upper=three) == [60, 120]
    assert await times(store, lower=minute) == [60, 120, 180, 240]
    assert await times(store, upper=three, newest_first=True) == [120, 60, 0]
    assert await times(store, upper=three, newest_first=True, limit=1) == [120]
    assert await times(store, limit=2) == [0, 60]


async def test_only_the_columns_asked_for_are_read(store: Store) -> None:
    await store.write({STATION_LATEST: [station("1", bikes=3, is_renting=True), station("2")]})
    assert await store.read(STATION_LATEST, ("brest",), columns=("is_renting", "station_id")) == [
        {"is_renting": True, "station_id": "1"},
        {"is_renting": None, "station_id": "2"},
    ]
    with pytest.raises(StoreError, match=r"^Table station_latest has no column wheels\.$"):
        await store.read(STATION_LATEST, ("brest",), columns=("wheels",))


async def test_a_prefix_fixes_the_first_clustering_columns(store: Store) -> None:
    day = date(2026, 11, 21)
    rows = [
        {
            "system_id": "brest",
            "date": day,
            "station_id": station_id,
            "start": NOON + timedelta(hours=hour),
            "hour": hour,
        }
        for station_id in ("1", "10", "2")
        for hour in range(3)
    ]
    await store.write({STATION_HOUR: rows})
    ten = await store.read(STATION_HOUR, ("brest", day), ("10",), lower=NOON + timedelta(hours=1))
    assert ten == [whole(STATION_HOUR, row) for row in rows[4:6]]
    assert await store.read(STATION_HOUR, ("brest", day), ("10", NOON)) == [whole(STATION_HOUR, rows[3])]
    from_ten = await store.read(STATION_HOUR, ("brest", day), lower="10", upper="2")
    assert from_ten == [whole(STATION_HOUR, row) for row in rows[3:6]]


@pytest.mark.parametrize(
    ("partition", "bounds"),
    [((), {}), (("brest", "1"), {}), (("brest",), {"prefix": ("1",), "lower": "2"}), ((3,), {})],
)
async def test_a_read_that_does_not_fit_the_table_is_refused(
    store: Store, partition: tuple[Value, ...], bounds: dict[str, Value]
) -> None:
    with pytest.raises(StoreError, match="station_latest"):
        await store.read(STATION_LATEST, partition, **bounds)  # type: ignore[arg-type]


async def test_every_partition_that_holds_rows_is_listed_once(store: Store) -> None:
    hours: list[Row] = [
        {"system_id": "brest", "date": date(2026, 11, day), "station_id": "1", "start": NOON} for day in (1, 2)
    ]
    await store.write({STATION_HISTORY: [change("1", 0), change("1", 1), change("2", 0)], STATION_HOUR: hours})
    await store.replace({STATION_HOUR: [("brest", date(2026, 11, 2))]}, {STATION_HOUR: hours[1:]})
    assert sorted(await store.partitions(STATION_HISTORY)) == [("brest", "1", 202611), ("brest", "2", 202611)]
    assert sorted(await store.partitions(STATION_HOUR)) == [("brest", date(2026, 11, day)) for day in (1, 2)]
    assert await store.partitions(SYSTEM) == []


async def test_a_partition_of_many_pages_is_read_whole(store: Store) -> None:
    rows = [change("1", second, second) for second in range(12_000)]
    await store.write({STATION_HISTORY: rows})
    read = await store.read(STATION_HISTORY, ("brest", "1", 202611), columns=("bikes",))
    assert [row["bikes"] for row in read] == list(range(12_000))


async def test_rows_do_not_expire_before_their_time(store: Store) -> None:
    vehicle: Row = {"system_id": "brest", "vehicle_id": "1", "polled_at": NOON - timedelta(days=9)}
    await store.write({VEHICLE_LATEST: [vehicle], STATION_LATEST: [station("1")]})
    await store.expire(datetime.now(UTC) + timedelta(days=1.9))
    assert await store.read(VEHICLE_LATEST, ("brest",)) == [whole(VEHICLE_LATEST, vehicle)]
    await store.expire(datetime.now(UTC) + timedelta(days=1_000))
    assert await store.read(STATION_LATEST, ("brest",)) == [whole(STATION_LATEST, station("1"))]


async def test_creating_again_keeps_rows_and_adds_what_is_new(store: Store) -> None:
    await store.write({SYSTEM: [{"part": "all", "system_id": "brest", "polled_at": NOON, "name": "Vélozef"}]})
    wider = replace(SYSTEM, columns={**SYSTEM.columns, "colour": "text", "opened": "date"})
    await store.create([wider, *TABLES[1:], replace(SYSTEM, name="another_table")])
    await store.write({wider: [{"part": "all", "system_id": "brest", "polled_at": NOON, "colour": "orange"}]})
    [row] = await store.read(wider, ("all",))
    assert [row["name"], row["colour"], row["opened"]] == ["Vélozef", "orange", None]
    assert await store.read(replace(SYSTEM, name="another_table"), ("all",)) == []
