"""What every log promises to Spark, against each engine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pipeline.ports import Log, Offsets, StoredRecord, TopicPartition
from pipeline.wiring import open_log
from tests.log_publisher import poll
from tests.published_polls import TOPICS, records_of, take

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery
    from pyspark.sql.streaming.readwriter import DataStreamWriter

pytestmark = pytest.mark.spark


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with open_log(log_url) as opened:
        await opened.create(TOPICS)
        yield opened


async def test_a_frame_holds_the_records_between_two_offsets(log: Log, spark: SparkSession) -> None:
    for number in range(5):
        await log.publish("brest", poll("brest", number, 3) + poll("brest", number, 1, "feed_status"))
    records = [record for record in records_of(await take(log, 20)) if record.topic == "station_status"]
    start, end = (
        {TopicPartition(record.topic, record.partition): record.offset} for record in (records[4], records[11])
    )
    frame = log.frame(spark, ["station_status"], start, end).orderBy("partition", "offset")
    assert [stored(row) for row in frame.collect()] == records[4:11]
    everything = log.frame(spark, TOPICS, {}, await log.end_offsets(TOPICS))
    assert everything.count() == 20
    assert log.frame(spark, ["station_status"], end, end).count() == 0


async def test_a_frame_for_one_partition_key_lacks_nothing_of_it(log: Log, spark: SparkSession) -> None:
    for number in range(4):
        await log.publish("paris" if number % 2 else "brest", poll(f"{number}", number, 3))
    end = await log.end_offsets(TOPICS)
    everything = log.frame(spark, TOPICS, {}, end).collect()
    for key, numbers in {"paris": (1, 3), "brest": (0, 2), "nobody": ()}.items():
        found = log.frame(spark, TOPICS, {}, end, partition_key=key).collect()
        wanted = [row for row in everything if row.key.decode().startswith(tuple(f"{number}/" for number in numbers))]
        assert len(wanted) == 3 * len(numbers)
        assert set(map(stored, wanted)) <= set(map(stored, found)) <= set(map(stored, everything))
        assert len(set(found)) == len(found)


async def test_a_large_frame_comes_whole_and_once(log: Log, spark: SparkSession) -> None:
    for number in range(10):
        await log.publish("brest", poll("brest", number, 9_000))
    frame = log.frame(spark, ["station_status"], {}, await log.end_offsets(TOPICS))
    assert polls_in(frame) == {number: 9_000 for number in range(10)}


async def test_frames_and_streams_have_the_columns_of_the_kafka_source(log: Log, spark: SparkSession) -> None:
    columns = (
        "struct<key:binary,value:binary,topic:string,partition:int,offset:bigint,timestamp:timestamp,timestampType:int>"
    )
    end = await log.end_offsets(TOPICS)
    assert log.frame(spark, TOPICS, {}, end).schema.simpleString() == columns
    assert log.stream(spark, TOPICS, {}).schema.simpleString() == columns


async def test_a_backlog_comes_in_bounded_steps_of_whole_polls(log: Log, spark: SparkSession, tmp_path: Path) -> None:
    for number in range(12):
        await log.publish("brest", poll("brest", number, 20_000))
    start: Offsets = {}
    steps: list[Step] = []
    for cut in await log.steps(TOPICS, {}):
        steps.append(Step(polls_in(log.frame(spark, TOPICS, start, cut)), {}))
        start = cut
    steps += [step for step in run_stream(log.stream(spark, TOPICS, start), tmp_path / "checkpoint") if step.polls]
    assert len(steps) > 1
    assert max(sum(step.polls.values()) for step in steps) <= 120_000
    assert [step.polls for step in steps] == [dict.fromkeys(step.polls, 20_000) for step in steps]
    assert [number for step in steps for number in sorted(step.polls)] == list(range(12))


async def test_a_stream_restarted_from_the_consumed_offsets_gives_each_record_once(
    log: Log, spark: SparkSession, tmp_path: Path
) -> None:
    counts: Counter[int] = Counter()
    offsets: Offsets = {}
    for run in range(3):
        for number in range(run * 4, run * 4 + 4):
            await log.publish("brest", poll("brest", number, 100 * (number + 1)))
        for step in run_stream(log.stream(spark, TOPICS, offsets), tmp_path / f"checkpoint-{run}"):
            counts.update(step.polls)
            offsets = {**offsets, **step.offsets}
    assert counts == {number: 100 * (number + 1) for number in range(12)}


async def test_a_running_stream_picks_up_what_is_published_later(log: Log, spark: SparkSession, tmp_path: Path) -> None:
    seen: list[Step] = []
    query = start_stream(log.stream(spark, TOPICS, {}).writeStream, tmp_path / "checkpoint", seen)
    try:
        for number in range(3):
            await log.publish("brest", poll("brest", number, 41))
            async with asyncio.timeout(60):
                while not any(number in step.polls for step in seen):
                    assert query.exception() is None
                    await asyncio.sleep(0.01)
    finally:
        query.stop()
    assert [step.polls for step in seen if step.polls] == [{0: 41}, {1: 41}, {2: 41}]


class Step(NamedTuple):
    """What one micro-batch held: how many records of which poll, and the offsets after it."""

    polls: dict[int, int]
    offsets: dict[TopicPartition, int]


def run_stream(frame: DataFrame, checkpoint: Path) -> list[Step]:
    """The micro-batches of all that is in the log now."""
    steps: list[Step] = []
    query = start_stream(frame.writeStream.trigger(availableNow=True), checkpoint, steps)
    query.awaitTermination(100)
    assert query.exception() is None
    return steps


def start_stream(writer: DataStreamWriter, checkpoint: Path, steps: list[Step]) -> StreamingQuery:
    def collect(batch: DataFrame, _: int) -> None:
        ends = batch.groupBy("topic", "partition").agg({"offset": "max"}).collect()
        steps.append(Step(polls_in(batch), {TopicPartition(row[0], row[1]): row[2] + 1 for row in ends}))

    return writer.foreachBatch(collect).option("checkpointLocation", str(checkpoint)).start()


def polls_in(frame: DataFrame) -> dict[int, int]:
    polls = frame.selectExpr("cast(get_json_object(cast(value AS string), '$.poll') AS long) AS poll")
    return {row["poll"]: row["count"] for row in polls.groupBy("poll").count().collect()}


def stored(row: Row) -> StoredRecord:
    appended_at = row.timestamp.astimezone(UTC)
    return StoredRecord(row.topic, row.partition, row.offset, row.key.decode(), bytes(row.value), appended_at)
