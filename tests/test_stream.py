"""The stream keeps the store as new as the log: exact, once, and from wherever it was left."""

from __future__ import annotations

import asyncio
import csv
import gzip
import logging
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from pipeline.model import NetworkStatus, Topic, decode
from pipeline.ports import STEP_SETTING, Log, LogFull, LogRecord, Offsets, Store, StoreError, TopicPartition
from pipeline.replay import replay
from pipeline.resident import StreamFailed
from pipeline.results import TOPICS
from pipeline.stream import JOB
from pipeline.tables import NETWORK_HISTORY, STATION_HISTORY, STATION_LATEST, SYSTEM, VEHICLE_LATEST
from tests.made_polls import MINUTE, START, feed, log_records, poll, rows, vehicle
from tests.made_polls import SYSTEM as BREST
from tests.opened_stream import caught_up, opened

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

Points = dict[tuple[str, datetime], tuple[int, int, bool, bool]]


async def published(log: Log, topic: Topic) -> list[Any]:
    """All records of the topic, in log order."""
    end = await log.end_offsets((topic,))
    found: list[Any] = []
    if not sum(end.values()):
        return found
    batches = log.subscribe((topic,), {})
    async for batch in batches:
        found += [decode(topic, record.value) for record in batch.records]
        if all(batch.offsets[place] >= offset for place, offset in end.items()):
            break
    await batches.aclose()
    return found


async def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What the condition gives, as soon as it gives something."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110  # another thread makes it true
            await asyncio.sleep(0.02)
    return found


def _recorded(shared_data: Path) -> tuple[Points, list[datetime]]:
    """The recorded night as the flat table tells it, in milliseconds, and its polls."""
    (table,) = (shared_data / "velozef").glob("station_status_1min_*.csv.gz")
    points: Points = {}
    with gzip.open(table, "rt") as lines:
        for row in csv.DictReader(lines):
            fetched = datetime.fromisoformat(row["fetched_at"]).astimezone(UTC)
            time = fetched.replace(microsecond=fetched.microsecond // 1000 * 1000)
            points[row["station_id"], time] = (
                int(row["num_bikes_available"]),
                int(row["num_docks_available"]),
                row["is_renting"] == "True",
                row["is_returning"] == "True",
            )
    return points, sorted({time for _, time in points})


def _changes(points: Points, polls: list[datetime]) -> Points:
    """The points that differ from the poll before, and the first after a gap of more than three minutes."""
    before = dict(zip(polls[1:], polls, strict=False))
    kept = {}
    for (station_id, time), point in points.items():
        last = before.get(time)
        is_news = last is None or points.get((station_id, last)) != point
        if is_news or (last is not None and time - last > timedelta(seconds=180)):
            kept[station_id, time] = point
    return kept


async def _history(store: Store) -> Points:
    stations = await store.read(STATION_LATEST, ("velozef",))
    found = [row for s in stations for row in await rows(store, STATION_HISTORY, "velozef", s["station_id"], 202603)]
    return {
        (row["station_id"], row["polled_at"]): (row["bikes"], row["docks"], row["is_renting"], row["is_returning"])
        for row in found
    }


async def _network(store: Store) -> list[dict[str, Any]]:
    days = (datetime(2026, 3, day, tzinfo=UTC).date() for day in (2, 3))
    return [row for day in days for row in await rows(store, NETWORK_HISTORY, "velozef", day)]


def _lake_offsets(folder: str) -> list[int]:
    files = sorted((Path(folder) / "station_status").rglob("*.parquet"))
    return sorted(row["offset"] for file in files for row in pq.ParquetFile(file).read(["offset"]).to_pylist())


def _forget_progress(folder: Path) -> None:
    for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)


@pytest.mark.timeout(300)
async def test_the_recorded_night_is_exact_in_store_and_lake_also_when_it_is_done_again(
    spark: SparkSession, tmp_path: Path, shared_data: Path
) -> None:
    points, polls = _recorded(shared_data)
    async with opened(spark, tmp_path) as place:
        await replay(shared_data / "velozef" / "polls.ndjson.gz", place.log, place.settings)
        await caught_up(spark, place)
        network, history = await _network(place.store), await _history(place.store)
        latest = await rows(place.store, STATION_LATEST, "velozef")
        totals = await published(place.log, Topic.NETWORK_STATUS)
    assert [row["polled_at"] for row in network] == polls
    bikes: dict[datetime, int] = defaultdict(int)
    for (_, time), point in points.items():
        bikes[time] += point[0]
    assert {row["polled_at"]: row["bikes"] for row in network} == bikes
    assert {row["stations_expected"] for row in network} == {41}
    assert [NetworkStatus(**{name: value for name, value in row.items() if name != "day"}) for row in network] == totals
    assert history == _changes(points, polls)
    assert {row["station_id"]: row["bikes"] for row in latest} == {
        station: point[0] for (station, time), point in points.items() if time == polls[-1]
    }
    in_lake = _lake_offsets(place.settings.lake)
    assert len(in_lake) == len(set(in_lake)) == len(points) == 21_648

    # Without its checkpoint it goes on where it was; without the store's progress it makes the same once more.
    shutil.rmtree(tmp_path / "checkpoints")
    async with opened(spark, tmp_path) as place:
        await caught_up(spark, place)
        assert place.stream.records == 0
        assert (await _network(place.store), await _history(place.store)) == (network, history)
    _forget_progress(tmp_path)
    async with opened(spark, tmp_path) as place:
        await caught_up(spark, place)
        assert (await _network(place.store), await _history(place.store)) == (network, history)
        assert await rows(place.store, STATION_LATEST, "velozef") == latest
    assert _lake_offsets(place.settings.lake) == in_lake


async def test_a_poll_in_the_log_is_soon_in_the_store(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        query = await asyncio.to_thread(place.stream.start)
        try:
            for number in range(3):
                time = START + number * MINUTE
                vehicles = [feed("vehicle_status", time), vehicle("v", None if number else "a", time)]
                made = [*poll(time, {"a": (number, 9), "b": (5, 5)}), *vehicles]
                await place.log.publish(BREST, log_records(made))
                await until(partial(place.store.read, NETWORK_HISTORY, (BREST, time.date()), lower=time))
            totals = await rows(place.store, NETWORK_HISTORY, BREST, START.date())
            (newest,) = await rows(place.store, VEHICLE_LATEST, BREST)
        finally:
            await asyncio.to_thread(query.stop)
    assert [(row["bikes"], row["vehicles_outside_stations"]) for row in totals] == [(5, 0), (6, 1), (7, 1)]
    assert "station_id" not in newest


async def test_it_goes_on_where_the_store_says_that_it_was(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        await place.log.publish(BREST, log_records(poll(START, {"a": (1, 9)})))
        await caught_up(spark, place)
    async with opened(spark, tmp_path) as place:
        await place.log.publish(BREST, log_records(poll(START + MINUTE, {"a": (2, 8)})))
        await caught_up(spark, place)
        assert place.stream.records == 2
        assert await place.store.offsets(JOB) == {
            TopicPartition(Topic.FEED_STATUS, 0): 4,
            TopicPartition(Topic.STATION_STATUS, 0): 5,
        }


async def test_an_empty_log_is_caught_up_with_at_once(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        await caught_up(spark, place)
        assert await place.store.read(SYSTEM, ("all",)) == []


async def test_values_that_do_not_decode_are_counted_in_the_log_and_passed(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "pipeline.stream")
    async with opened(spark, tmp_path) as place:
        bad = LogRecord(Topic.STATION_STATUS, "x", b"<html>")
        await place.log.publish(BREST, [bad, *log_records(poll(START, {"a": (1, 9)}))])
        await caught_up(spark, place)
        assert len(await rows(place.store, STATION_LATEST, BREST)) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "stream station_status: 1 values left out; one: station_status 0:0 is not such a record: <html>"
    ]


async def test_what_cannot_be_published_is_not_passed_over(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_room(partition_key: str, records: list[LogRecord]) -> None:
        msg = "there is no room"
        raise LogFull(msg)

    async with opened(spark, tmp_path) as place:
        await place.log.publish(BREST, log_records(poll(START, {"a": (1, 9)})))
        with monkeypatch.context() as full:
            full.setattr(place.log, "publish", no_room)
            with pytest.raises(StreamFailed, match=r"^The stream failed: there is no room$"):
                await caught_up(spark, place)
        nothing: Offsets = await place.store.offsets(JOB)
        assert nothing == {}
        await caught_up(spark, place)
        assert [row["bikes"] for row in await rows(place.store, NETWORK_HISTORY, BREST, START.date())] == [1]


async def test_a_backlog_goes_on_from_the_last_step_that_was_stored(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls, stations = 60, [f"s{number}" for number in range(100)]
    monkeypatch.setattr("pipeline.stream.SMALL_RECORDS", 1000)
    async with opened(spark, tmp_path) as place:
        place.stream._spark.conf.set(STEP_SETTING, 2000)  # noqa: SLF001  # its session is no one else's
        for number in range(polls):
            counts = {name: (number % 7, 9) for name in stations}
            await place.log.publish(BREST, log_records(poll(START + number * MINUTE, counts, changed=False)))
        end = await place.log.end_offsets(TOPICS)
        write, written = place.store.write, list[Offsets]()

        async def refuse_the_second(changed: Any, consumed: Any) -> None:
            if len(written) == 1:
                msg = "the store is away"
                raise StoreError(msg)
            await write(changed, consumed)
            written.append(consumed.offsets)

        with monkeypatch.context() as away:
            away.setattr(place.store, "write", refuse_the_second)
            with pytest.raises(StreamFailed, match=r"^The stream failed: the store is away$"):
                await caught_up(spark, place)
        assert await place.store.offsets(JOB) == written[0] != end
        await caught_up(spark, place)
        assert (await place.store.offsets(JOB))[TopicPartition(Topic.STATION_STATUS, 0)] == max(end.values())
        days = {(START + number * MINUTE).date() for number in range(polls)}
        totals = [row for day in sorted(days) for row in await rows(place.store, NETWORK_HISTORY, BREST, day)]
        assert [row["bikes"] for row in totals] == [100 * (number % 7) for number in range(polls)]
