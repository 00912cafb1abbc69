"""The lake holds every record once, in the hour of its poll, whatever happens while it is written."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from pipeline import lake
from pipeline.decode import columns
from pipeline.model import Record, Topic, encode
from pipeline.ports import Consumed, Log, LogRecord, Store
from pipeline.results import TOPICS
from pipeline.tables import LAKE_HOUR, TABLES
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, START, SYSTEM, log_records, offsets, poll, station, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

HOUR = timedelta(hours=1)


class Place(NamedTuple):
    log: Log
    store: Store
    folder: str


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    log_url, store_url = f"sqlite:///{folder / 'log.sqlite'}", f"sqlite:///{folder / 'store.sqlite'}"
    async with open_log(log_url) as log, open_store(store_url) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(log, store, str(folder / "lake"))


async def publish(place: Place, *records: Record) -> None:
    await place.log.publish(SYSTEM, log_records(records))


async def advance(spark: SparkSession, place: Place, end: int | None = None) -> lake.LakeReport:
    until = await place.log.end_offsets(TOPICS) if end is None else offsets(end, TOPICS)
    return await lake.advance(spark, place.log, place.store, place.folder, until)


def files(folder: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of every file, by its path in the lake."""
    root = Path(folder)
    found = sorted(root.rglob("*.parquet"))
    return {str(file.relative_to(root)): pq.ParquetFile(file).read().to_pylist() for file in found}


def leftovers(folder: str) -> list[Path]:
    return list(Path(folder).rglob("_staging/*"))


def remove_one_file(folder: str) -> None:
    next(Path(folder).rglob("hour=18/*.parquet")).unlink()


def stations_in(found: list[dict[str, Any]]) -> list[tuple[str, datetime, int]]:
    return [(row["station_id"], row["polled_at"], row["bikes"]) for row in found]


def polls(count: int, first: int = 0) -> list[list[Record]]:
    """Two stations every 20 minutes."""
    times = [START + number * 20 * MINUTE for number in range(first, first + count)]
    return [poll(time, {"b": (number % 5, 5), "a": (number % 7, 5)}) for number, time in enumerate(times, first)]


async def test_records_lie_in_their_hour_sorted_by_station_and_time(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        for made in polls(4):
            await publish(place, *made)
        report = await advance(spark, place)
        found, noted = files(place.folder), await place.store.read(LAKE_HOUR, (SYSTEM,))
    hours = f"system_id={SYSTEM}/date=2026-03-02/hour="
    assert list(found) == [
        f"feed_status/{hours}18/0-10.parquet",
        f"feed_status/{hours}19/0-10.parquet",
        f"station_status/{hours}18/0-12.parquet",
        f"station_status/{hours}19/0-12.parquet",
    ]
    assert report.files == 4
    assert list(report.hours) == [(SYSTEM, START), (SYSTEM, START + HOUR)]
    assert noted == [{"system_id": SYSTEM, "start": start, "written_at": at} for (_, start), at in report.hours.items()]
    first = found[f"station_status/{hours}18/0-12.parquet"]
    assert list(first[0]) == list(columns(Topic.STATION_STATUS))
    times = [START + number * 20 * MINUTE for number in range(3)]
    assert stations_in(first) == [
        *(("a", time, number) for number, time in enumerate(times)),
        *(("b", time, number) for number, time in enumerate(times)),
    ]
    assert not leftovers(place.folder)


async def test_a_file_is_small_and_tells_of_which_times_it_is(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        for made in polls(3):
            await publish(place, *made)
        await advance(spark, place)
        [name] = [name for name in files(place.folder) if name.startswith("station_status")]
        group = pq.read_metadata(f"{place.folder}/{name}").row_group(0)
    told = {group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)}
    assert [name for name, column in told.items() if column.is_stats_set] == ["polled_at"]
    assert "DELTA_BINARY_PACKED" in told["offset"].encodings
    assert {column.compression for column in told.values()} == {"ZSTD"}


async def test_a_second_advance_without_news_writes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        await publish(place, *polls(1)[0])
        await advance(spark, place)
        assert (await advance(spark, place)).files == 0


async def test_late_and_replayed_records_come_beside_the_first_under_their_own_range(
    spark: SparkSession, tmp_path: Path
) -> None:
    async with opened(tmp_path) as place:
        await publish(place, *polls(1)[0])
        await advance(spark, place)
        await publish(place, *polls(1)[0])
        await publish(place, station("a", 9, 1, START + MINUTE))
        await advance(spark, place)
        found = files(place.folder)
        again = lake.read(spark, place.folder, Topic.STATION_STATUS, SYSTEM, START, START + HOUR).toArrow().to_pylist()
    hour = f"station_status/system_id={SYSTEM}/date=2026-03-02/hour=18"
    assert {name: stations_in(found[name]) for name in found if name.startswith("station")} == {
        f"{hour}/0-3.parquet": [("a", START, 0), ("b", START, 0)],
        f"{hour}/3-7.parquet": [("a", START, 0), ("a", START + MINUTE, 9), ("b", START, 0)],
    }
    assert sorted(row["offset"] for row in again) == [1, 2, 4, 5, 6]


async def test_reading_gives_the_records_of_the_time_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        for made in polls(100):
            await publish(place, *made)
        await publish(place, vehicle("v", None, START))
        await advance(spark, place)
        start, end = START + 20 * MINUTE, START + 24 * HOUR
        found = lake.read(spark, place.folder, Topic.STATION_STATUS, SYSTEM, start, end)
        read_files = {row.name.rsplit("lake/", 1)[1] for row in found.selectExpr("input_file_name() AS name").collect()}
        typed = {field.name: field.dataType.simpleString() for field in found.schema.fields}
        records = found.select("polled_at").distinct().orderBy("polled_at").toArrow().to_pylist()
    assert typed == columns(Topic.STATION_STATUS)
    assert [row["polled_at"] for row in records] == [START + number * 20 * MINUTE for number in range(1, 72)]
    assert len(read_files) == 24


async def test_a_time_that_the_lake_does_not_have_is_an_empty_frame_of_the_same_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    nothing = lake.read(spark, str(tmp_path), Topic.FEED_STATUS, "none", START, START + HOUR)
    assert nothing.collect() == []
    assert {field.name: field.dataType.simpleString() for field in nothing.schema.fields} == columns(Topic.FEED_STATUS)


async def test_a_system_of_any_name_has_a_folder_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    name = "../ vélo/=%2F'"
    async with opened(tmp_path) as place:
        await publish(place, station("a", 1, 1, START, system_id=name))
        await advance(spark, place)
        found = lake.read(spark, place.folder, Topic.STATION_STATUS, name, START, START + HOUR).collect()
        (file,) = files(place.folder)
    assert [row.system_id for row in found] == [name]
    assert file.split("/")[1] == "system_id=..%2F%20v%C3%A9lo%2F%3D%252F%27"


async def test_values_that_do_not_decode_stay_out(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        bad = LogRecord(Topic.STATION_STATUS, "x", b"<html>")
        good = station("a", 1, 1, START)
        await place.log.publish(SYSTEM, [bad, LogRecord(Topic.STATION_STATUS, good.key, encode(good))])
        await advance(spark, place)
        (found,) = files(place.folder).values()
    assert stations_in(found) == [("a", START, 1)]


@pytest.mark.parametrize("written", ["nothing", "some", "all"])
async def test_an_advance_that_was_cut_short_is_made_good_under_the_same_names(
    spark: SparkSession, tmp_path: Path, written: str
) -> None:
    async with opened(tmp_path) as place:
        for made in polls(7):
            await publish(place, *made)
        intended = offsets(12, TOPICS)
        await place.store.write({}, Consumed(lake.INTENT, intended))
        if written != "nothing":
            lake.write_range(spark, place.log, Path(place.folder), {}, intended)
        if written == "some":
            remove_one_file(place.folder)
        await advance(spark, place)
        whole = place._replace(folder=str(tmp_path / "whole"))
        lake.write_range(spark, place.log, Path(whole.folder), {}, intended)
        lake.write_range(spark, place.log, Path(whole.folder), intended, await place.log.end_offsets(TOPICS))
        assert files(place.folder) == files(whole.folder)
        assert await place.store.offsets(lake.JOB) == await place.store.offsets(lake.INTENT)


_WRITER = """
import asyncio, sys
from pathlib import Path
from pipeline.settings import Settings
from pipeline.spark import session
from tests.test_lake import advance, opened

async def main(folder):
    spark = session(Settings.read(data=folder), "lake")
    async with opened(folder) as place:
        for end in range(3, 73, 3):
            print(end, flush=True)
            await advance(spark, place, end)
    print("done", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.timeout(300)
async def test_a_writer_killed_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        for made in polls(24):
            await publish(place, *made)
    chance, said = random.Random(7), ""
    for kill_after in [3, 15, None]:
        said = await asyncio.to_thread(_write, tmp_path, kill_after, chance.uniform(0, 0.6))
    assert said == "done"
    found = [row for name, part in files(str(tmp_path / "lake")).items() if "station" in name for row in part]
    assert sorted(row["offset"] for row in found) == [offset for offset in range(72) if offset % 3]


def _write(folder: Path, kill_after: int | None, seconds: float) -> str:
    """Write on; kill the writer so many seconds after it has begun a range. What it said last."""
    command = [sys.executable, "-c", _WRITER, str(folder)]
    said = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            said = line.strip() or said
            if kill_after is not None and said == str(kill_after):
                time.sleep(seconds)  # the moment is to be random; nothing is waited for
                os.killpg(writer.pid, signal.SIGKILL)
                break
    return said
