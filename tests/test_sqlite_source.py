"""How the SQLite log is cut into steps and slices for Spark."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadMaxRows

from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.adapters.sqlite_source import SLICE_RECORDS, FrameReader, LogReader, Slice, StreamReader
from tests.log_publisher import poll

END = 2**63 - 1


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    async with SqliteLog(str(tmp_path / "log.sqlite")) as opened:
        await opened.create(["station_status", "feed_status"])
        yield opened


@pytest.fixture
def options(tmp_path: Path) -> dict[str, str]:
    ranges = json.dumps({"station_status": [0, END]})
    return {"path": str(tmp_path / "log.sqlite"), "ranges": ranges, "tasks": "2", "step": "100000"}


def offsets(reader: LogReader, slices: Sequence[object]) -> list[list[int | None]]:
    """The offsets that each task reads."""
    parts = [part for part in slices if isinstance(part, Slice)]
    return [[offset for batch in reader.read(part) for offset in batch["offset"].to_pylist()] for part in parts]


async def test_a_small_range_is_read_by_one_task(log: SqliteLog, options: dict[str, str]) -> None:
    for number in range(3):
        await log.publish("brest", poll("brest", number, 10) + poll("brest", number, 1, "feed_status"))
    reader = FrameReader({**options, "ranges": json.dumps({"station_status": [3, 25]})})
    assert offsets(reader, reader.partitions()) == [[*range(3, 10), *range(11, 21), *range(22, 25)]]


async def test_a_large_range_is_shared_by_the_tasks_that_run_at_once(log: SqliteLog, options: dict[str, str]) -> None:
    for number in range(6):
        await log.publish("brest", poll("brest", number, SLICE_RECORDS // 2))
    reader = FrameReader(options)
    first, second = offsets(reader, reader.partitions())
    assert first + second == list(range(3 * SLICE_RECORDS))
    assert abs(len(first) - len(second)) <= SLICE_RECORDS


async def test_an_empty_range_is_read_as_nothing(log: SqliteLog, options: dict[str, str]) -> None:
    reader = FrameReader(options)
    assert offsets(reader, reader.partitions()) == [[]]


async def test_a_step_ends_with_the_publish_that_reaches_the_limit(log: SqliteLog, options: dict[str, str]) -> None:
    for number in range(4):
        await log.publish("brest", poll("brest", number, 10))
    reader = StreamReader(options)
    assert reader.initialOffset() == {"offset": 0}
    assert reader.latestOffset({"offset": 0}, ReadMaxRows(25)) == {"offset": 20}
    assert reader.latestOffset({"offset": 20}, ReadMaxRows(1)) == {"offset": 30}
    assert reader.latestOffset({"offset": 20}, ReadAllAvailable()) == {"offset": 40}
    assert reader.latestOffset({"offset": 40}, ReadMaxRows(25)) == {"offset": 40}
    assert reader.reportLatestOffset() == {"offset": 40}


async def test_what_comes_later_is_not_available_now(log: SqliteLog, options: dict[str, str]) -> None:
    await log.publish("brest", poll("brest", 1, 10))
    reader = StreamReader(options)
    reader.prepareForTriggerAvailableNow()
    await log.publish("brest", poll("brest", 2, 10))
    assert reader.latestOffset({"offset": 0}, ReadMaxRows(100)) == {"offset": 10}
    assert reader.latestOffset({"offset": 10}, ReadMaxRows(100)) == {"offset": 10}


async def test_what_was_consumed_long_ago_costs_no_step(log: SqliteLog, options: dict[str, str]) -> None:
    """A topic with few records is far behind the others in offsets, without being behind in records."""
    await log.publish("brest", poll("brest", 0, 1, "feed_status"))
    for number in range(20):
        await log.publish("brest", poll("brest", number, 10))
    reader = StreamReader({**options, "ranges": json.dumps({"station_status": [191, END], "feed_status": [1, END]})})
    assert reader.initialOffset() == {"offset": 1}
    end = reader.latestOffset({"offset": 1}, ReadMaxRows(10))
    assert end == {"offset": 201}
    [part] = reader.partitions({"offset": 1}, end)
    assert isinstance(part, Slice)
    assert part.within == (191, 201)
