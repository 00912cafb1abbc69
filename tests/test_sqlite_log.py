"""What only the log in an SQLite file does: full disks, damaged files, retention, waking up."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.adapters import sqlite_log, sqlite_records
from pipeline.adapters.sqlite import connect
from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.adapters.sqlite_records import Range
from pipeline.ports import LogError, LogFull, LogRecord, StoredRecord, TopicPartition
from tests.log_publisher import poll

TOPICS = ["station_status", "feed_status"]
PROJECT = Path(__file__).resolve().parents[1]
TOMORROW = timedelta(days=1)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    async with SqliteLog(str(tmp_path / "log.sqlite")) as opened:
        await opened.create(TOPICS)
        yield opened


async def all_records(log: SqliteLog, topics: list[str] = TOPICS) -> list[StoredRecord]:
    """Every record that the log holds now."""
    end = max((await log.end_offsets(topics)).values())
    records: list[StoredRecord] = []
    position = 0
    async with asyncio.timeout(30), aclosing(log.subscribe(topics, {})) as batches:
        while position < end:
            batch = await anext(batches)
            records += batch.records
            position = max(batch.offsets.values())
    return records


async def fill(log: SqliteLog) -> int:
    """Publish until there is no room; returns how many polls went in."""
    for number in range(1_000):
        try:
            await log.publish("brest", poll("brest", number, 100))
        except LogFull:
            return number
    pytest.fail("the disk never filled up")


async def test_a_full_disk_refuses_a_publish_whole_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    async with SqliteLog(str(small_disk / "log.sqlite")) as log:
        await log.create(TOPICS)
        ballast.write_bytes(bytes(400_000))
        polls = await fill(log)
        assert polls > 0
        assert len(await all_records(log)) == polls * 100
        with pytest.raises(LogFull, match=r"log\.sqlite: no room for the log"):
            await log.publish("brest", poll("brest", polls, 2_000))
        ballast.unlink()
        await log.publish("brest", poll("brest", polls, 100))
        records = await all_records(log)
    assert [record.offset for record in records] == list(range((polls + 1) * 100))


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    """A quota shows as a failed write; a limit on this process's files shows the same way."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.test_sqlite_log", str(tmp_path / "log.sqlite")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "refused whole, went on\n", process.stderr


async def fill_up_to_the_limit(path: str) -> None:
    async with SqliteLog(path) as log:
        await log.create(TOPICS)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        polls = await fill(log)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await log.publish("brest", poll("brest", polls, 100))
        is_whole = [record.offset for record in await all_records(log)] == list(range((polls + 1) * 100))
        sys.stdout.write("refused whole, went on\n" if is_whole and polls else f"not whole after {polls} polls\n")


async def test_a_file_that_is_no_database_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"<html>not a database</html>" * 200)
    async with SqliteLog(str(path)) as log:
        with pytest.raises(LogError) as raised:
            await log.create(TOPICS)
    assert str(raised.value) == (
        f"{path}: this is no usable log (file is not a database); move the file away to start a new one."
    )


async def test_another_database_is_not_taken_for_a_log(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE thing (name TEXT)")
    async with SqliteLog(str(path)) as log:
        with pytest.raises(LogError, match="no log of Bikewire"):
            await log.create(TOPICS)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("thing",)]


async def test_a_log_of_a_newer_version_is_refused(log: SqliteLog, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(LogError, match=r"newer Bikewire \(log version 99"):
        await log.create(TOPICS)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with SqliteLog(str(tmp_path / "file" / "log.sqlite")) as log:
        with pytest.raises(LogError, match=r"file/log\.sqlite: the log failed"):
            await log.create(TOPICS)


async def test_a_log_that_was_never_created_is_named(tmp_path: Path) -> None:
    async with SqliteLog(str(tmp_path / "log.sqlite")) as log:
        with pytest.raises(LogError, match=r"log\.sqlite: the log can't be opened"):
            await log.publish("brest", poll("brest", 1, 1))
    assert not (tmp_path / "log.sqlite").exists()


async def test_a_damaged_log_does_not_stop_a_subscriber_without_a_word(log: SqliteLog, tmp_path: Path) -> None:
    for number in range(50):
        await log.publish("brest", poll("brest", number, 100))
    async with SqliteLog(str(tmp_path / "copy.sqlite")) as copy:
        with closing(sqlite3.connect(tmp_path / "log.sqlite")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(tmp_path / "log.sqlite", tmp_path / "copy.sqlite")
        with (tmp_path / "copy.sqlite").open("r+b") as file:
            file.seek(40_960)
            file.write(os.urandom(400_000))
        with pytest.raises(LogError, match=r"copy\.sqlite: this is no usable log"):
            await all_records(copy)


async def test_whole_consumed_publishes_are_retired_and_offsets_never_used_again(log: SqliteLog) -> None:
    for number in range(120):
        await log.publish("brest", poll("brest", number, 10))
    consumed = {TopicPartition("station_status", 0): 1_005}
    assert await log.retire(datetime.now(UTC) + TOMORROW, consumed) == 1_000
    assert [record.offset for record in await all_records(log)] == list(range(1_000, 1_200))
    everything = await log.end_offsets(TOPICS)
    assert await log.retire(datetime.now(UTC) + TOMORROW, everything) == 200
    assert await log.end_offsets(TOPICS) == everything
    await log.publish("brest", poll("brest", 120, 2))
    assert [record.offset for record in await all_records(log)] == [1_200, 1_201]


async def test_a_publish_stays_until_each_of_its_topics_is_consumed(log: SqliteLog) -> None:
    station_status, feed_status = (TopicPartition(topic, 0) for topic in TOPICS)
    await log.publish("brest", poll("brest", 1, 3) + poll("brest", 1, 1, "feed_status"))
    instant = datetime.now(UTC) + TOMORROW
    assert await log.retire(instant, {station_status: 3}) == 0
    assert await log.retire(instant, {station_status: 2, feed_status: 4}) == 0
    assert await log.retire(instant, {station_status: 3, feed_status: 4}) == 4


async def test_the_space_of_retired_publishes_is_used_again(log: SqliteLog, tmp_path: Path) -> None:
    sizes = []
    for _ in range(4):
        for number in range(50):
            await log.publish("brest", poll("brest", number, 200))
        await log.retire(datetime.now(UTC) + TOMORROW, await log.end_offsets(TOPICS))
        sizes.append((tmp_path / "log.sqlite").stat().st_size)
    assert sizes[3] <= sizes[1] * 1.2


async def test_topics_may_lie_mixed_within_a_publish(log: SqliteLog) -> None:
    records = [LogRecord(TOPICS[index % 2], f"brest/{index}", b"{}") for index in range(6)]
    await log.publish("brest", records)
    stored = await all_records(log)
    assert [LogRecord(record.topic, record.key, record.value) for record in stored] == records
    assert await log.end_offsets(TOPICS) == {TopicPartition(TOPICS[0], 0): 5, TopicPartition(TOPICS[1], 0): 6}


async def test_the_clock_of_the_log_never_goes_back(log: SqliteLog, tmp_path: Path) -> None:
    await log.publish("brest", poll("brest", 1, 1))
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as connection:
        connection.execute("UPDATE sequence SET appended_at = appended_at + 3600000000")
        connection.commit()
    await log.publish("brest", poll("brest", 2, 1))
    first, second = await all_records(log)
    assert second.appended_at - first.appended_at == timedelta(hours=1)


async def test_records_that_all_lie_before_a_topics_start_are_passed_over(log: SqliteLog) -> None:
    for number in range(10):
        await log.publish("brest", poll("brest", number, sqlite_log.BATCH_RECORDS))
    await log.publish("brest", poll("brest", 10, 1, "feed_status"))
    end = await log.end_offsets(["station_status"])
    async with asyncio.timeout(10), aclosing(log.subscribe(TOPICS, end)) as batches:
        batch = await anext(batches)
    assert [record.topic for record in batch.records] == ["feed_status"]


async def test_a_frame_needs_an_end_for_each_topic(log: SqliteLog) -> None:
    with pytest.raises(LogError, match="no end was given for the records of feed_status"):
        log.frame(None, TOPICS, {}, await log.end_offsets(["station_status"]))  # type: ignore[arg-type]


def offsets_for(path: Path, partition_key: str) -> list[int]:
    """The offsets of all records that a reader of one partition key is given."""
    with closing(connect(path)) as connection:
        ranges = {number: Range(0, 1000) for number in sqlite_records.topic_ids(connection, TOPICS).values()}
        steps = list(sqlite_records.plan(connection, ranges, Range(0, 1000), 3, partition_key))
        within = [Range(step.start, step.end) for step in steps]
        found = [list(sqlite_records.rows(connection, ranges, one, partition_key)) for one in within]
    assert [len(rows) for rows in found] == [step.records for step in steps]
    return [row[0] for rows in found for row in rows]


async def test_who_reads_for_one_partition_key_is_spared_the_others(log: SqliteLog, tmp_path: Path) -> None:
    for number in range(4):
        await log.publish("paris" if number % 2 else "brest", poll("any", number, 2))
    path = tmp_path / "log.sqlite"
    assert [offsets_for(path, key) for key in ("brest", "paris", "nobody")] == [[0, 1, 4, 5], [2, 3, 6, 7], []]


async def test_a_log_that_did_not_note_partition_keys_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    async with SqliteLog(str(path)) as log:
        await log.create(TOPICS)
        await log.publish("brest", poll("brest", 0, 2))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE publish DROP COLUMN partition_key")
        connection.execute("PRAGMA user_version=1")
        connection.commit()
    async with SqliteLog(str(path)) as log:
        await log.create(TOPICS)
        await log.publish("paris", poll("paris", 1, 2))
    # Whose the old ones are is not known: everybody gets them.
    assert [offsets_for(path, key) for key in ("brest", "paris")] == [[0, 1], [0, 1, 2, 3]]


if __name__ == "__main__":
    asyncio.run(fill_up_to_the_limit(sys.argv[1]))
