"""What only the store in an SQLite file does: full and locked files, versions, reads beside a write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.adapters import sqlite
from pipeline.adapters.sqlite_store import SqliteStore
from pipeline.ports import Consumed, Row, StoreError, TopicPartition
from pipeline.tables import BATCH_DAY, SCHEMA_VERSION, STATION, STATION_LATEST, SYSTEM, TABLES, VEHICLE_LATEST
from tests.store_writer import version

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BREST: Row = {"part": "all", "system_id": "brest", "polled_at": NOON, "name": "Vélozef"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(str(path)) as opened:
        await opened.create(TABLES)
        yield opened


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: SqliteStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError) as raised:
        await store.create(TABLES)
    assert str(raised.value) == (
        f"{path} was written by a newer Bikewire (store version {SCHEMA_VERSION + 1}, this one knows"
        f" {SCHEMA_VERSION}); update Bikewire or name another store in BIKEWIRE_STORE."
    )


async def test_an_older_store_gets_the_missing_tables_and_columns_and_keeps_its_rows(path: Path) -> None:
    older = replace(SYSTEM, columns={name: kind for name, kind in SYSTEM.columns.items() if name != "feed_url"})
    async with SqliteStore(str(path)) as store:
        await store.create([older])
        await store.write({older: [BREST]})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=0")
    async with SqliteStore(str(path)) as store:
        await store.create(TABLES)
        assert await store.read(SYSTEM, ("all",)) == [{column: BREST.get(column) for column in SYSTEM.columns}]
        assert await store.read(BATCH_DAY, ("brest",)) == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


async def test_a_log_is_not_taken_for_a_store(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE record (offset INTEGER)")
    async with SqliteStore(str(path)) as store:
        with pytest.raises(StoreError, match="no store of Bikewire"):
            await store.create(TABLES)


async def test_a_damaged_file_is_named_in_one_sentence(path: Path) -> None:
    await asyncio.to_thread(path.write_bytes, b"not a database at all" * 500)
    async with SqliteStore(str(path)) as store:
        with pytest.raises(StoreError) as raised:
            await store.create(TABLES)
    assert str(raised.value) == (
        f"{path}: this is no usable store (file is not a database); move the file away to start a new one."
    )


async def test_a_store_that_was_never_created_is_named(path: Path) -> None:
    async with SqliteStore(str(path)) as store:
        with pytest.raises(StoreError, match=r"store\.sqlite: the store can't be opened"):
            await store.read(STATION, ("brest",))


async def test_a_full_disk_refuses_a_write_whole_with_its_offsets_and_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    place, ballast = TopicPartition("station_status", 0), small_disk / "ballast"
    async with SqliteStore(str(small_disk / "store.sqlite")) as store:
        await store.create(TABLES)
        await store.write({STATION_LATEST: version(1, 100)}, Consumed("stream", {place: 1}))
        await asyncio.to_thread(ballast.write_bytes, bytes(500_000))
        with pytest.raises(StoreError, match=r"store\.sqlite: no room for the store"):
            await store.write({STATION_LATEST: version(2, 20_000)}, Consumed("stream", {place: 2}))
        assert [row["bikes"] for row in await store.read(STATION_LATEST, ("brest",))] == [1] * 100
        assert await store.offsets("stream") == {place: 1}
        await asyncio.to_thread(ballast.unlink)
        await store.write({STATION_LATEST: version(2, 100)}, Consumed("stream", {place: 2}))
        assert await store.offsets("stream") == {place: 2}


async def test_a_store_held_by_another_process_for_too_long_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    async with SqliteStore(str(path)) as store:
        await store.create(TABLES)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="another process has held the store"):
                await store.write({SYSTEM: [BREST]})
            assert await store.read(SYSTEM, ("all",)) == []


async def test_a_read_does_not_wait_for_a_write(store: SqliteStore) -> None:
    await store.write({STATION_LATEST: version(1, 100)})
    writing = asyncio.create_task(store.write({STATION_LATEST: version(2, 100_000)}))
    reads = 0
    while not writing.done():
        rows = await store.read(STATION_LATEST, ("brest",), limit=100)
        reads += all(row["bikes"] == 1 for row in rows)
    await writing
    assert reads > 3


async def test_rows_are_removed_when_they_have_outlived_their_table(store: SqliteStore) -> None:
    vehicles: list[Row] = [{"system_id": "brest", "vehicle_id": str(number), "polled_at": NOON} for number in range(3)]
    await store.write({VEHICLE_LATEST: vehicles, SYSTEM: [BREST]})
    await store.write({VEHICLE_LATEST: vehicles[:1]})
    assert await store.expire(datetime.now(UTC) + timedelta(days=1.9)) == 0
    assert await store.expire(datetime.now(UTC) + timedelta(days=2.1)) == 3
    assert await store.read(VEHICLE_LATEST, ("brest",)) == []
    assert len(await store.read(SYSTEM, ("all",))) == 1


async def test_a_row_written_again_lives_on(store: SqliteStore, path: Path) -> None:
    vehicles: list[Row] = [{"system_id": "brest", "vehicle_id": str(number), "polled_at": NOON} for number in range(2)]
    await store.write({VEHICLE_LATEST: vehicles})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE vehicle_latest SET _written_at = 0")
        connection.commit()
    await store.write({VEHICLE_LATEST: vehicles[:1]})
    assert await store.expire(datetime.now(UTC)) == 1
    assert [row["vehicle_id"] for row in await store.read(VEHICLE_LATEST, ("brest",))] == ["0"]


@pytest.mark.parametrize("value", [2**63, "\ud800"])
async def test_a_value_that_sqlite_cannot_hold_is_an_error_of_the_store(store: SqliteStore, value: int | str) -> None:
    column = "capacity" if isinstance(value, int) else "name"
    row: Row = {"system_id": "brest", "station_id": "1", "polled_at": NOON, column: value}
    with pytest.raises(StoreError, match="the store failed"):
        await store.write({STATION: [row]})
