"""What every log promises, against each engine; readers and publishers sit in different processes."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ports import Log, LogError, LogRecord, StoredRecord, TopicPartition
from pipeline.wiring import open_log
from tests.log_publisher import poll
from tests.published_polls import TOPICS, poll_numbers, publisher, records_of, take, take_until, torn_polls


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with open_log(log_url) as opened:
        await opened.create(TOPICS)
        yield opened


def content(records: Iterable[StoredRecord]) -> list[LogRecord]:
    return [LogRecord(record.topic, record.key, record.value) for record in records]


async def test_records_come_back_as_they_were_published(log: Log) -> None:
    published = [LogRecord("station_status", "brest/1", b'{"bikes": 1}'), LogRecord("feed_status", "brest/f", b"{}")]
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await log.publish("brest", published)
    records = records_of(await take(log, 2))
    assert content(records) == published
    assert all(before <= record.appended_at <= datetime.now(UTC) for record in records)
    assert all(record.appended_at.utcoffset() == timedelta(0) for record in records)


async def test_publishing_nothing_appends_nothing(log: Log) -> None:
    end = await log.end_offsets(TOPICS)
    await log.publish("brest", [])
    assert await log.end_offsets(TOPICS) == end


async def test_a_publish_to_an_unknown_topic_appends_nothing(log: Log) -> None:
    records = [*poll("brest", 1, 2), LogRecord("no_such_topic", "brest", b"{}")]
    with pytest.raises(LogError, match="no_such_topic"):
        await log.publish("brest", records)
    await log.publish("brest", poll("brest", 2, 1))
    assert poll_numbers(records_of(await take(log, 1)), "brest") == [2]


async def test_creating_again_keeps_what_is_there(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 2))
    await log.create([*TOPICS, "vehicle_status"])
    assert poll_numbers(records_of(await take(log, 2)), "brest") == [1]


async def test_processes_that_create_a_log_at_once_do_not_get_in_each_others_way(log_url: str) -> None:
    processes = [publisher(log_url, f"system-{number}", 1, 3, 0) for number in range(6)]
    assert [await asyncio.to_thread(process.wait) for process in processes] == [0] * 6
    async with open_log(log_url) as log:
        records = records_of(await take(log, 18, topics=["station_status"]))
    printed = [process.communicate()[0].split() for process in processes]
    assert [len(numbers) for numbers in printed] == [3] * 6
    assert [poll_numbers(records, f"system-{number}") for number in range(6)] == [
        [int(number) for number in numbers] for numbers in printed
    ]


async def test_a_subscriber_gets_only_the_topics_it_asked_for(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 2) + poll("brest", 1, 3, "feed_status"))
    await log.publish("brest", poll("brest", 2, 4, "feed_status"))
    records = records_of(await take(log, 7, topics=["feed_status"]))
    assert {record.topic for record in records} == {"feed_status"}
    assert torn_polls(record.value for record in records) == {}


async def test_the_end_lies_behind_the_last_record(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 3))
    end = await log.end_offsets(TOPICS)
    await log.publish("brest", poll("brest", 2, 2))
    first, second = records_of(await take(log, 5))[2:4]
    partition = TopicPartition("station_status", first.partition)
    assert first.offset < end[partition] <= second.offset
    assert poll_numbers(records_of(await take(log, 2, end)), "brest") == [2]


async def test_the_end_of_a_topic_stays_while_others_grow(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 1, "feed_status") + poll("brest", 1, 3))
    end = await log.end_offsets(["feed_status"])
    await log.publish("brest", poll("brest", 2, 3))
    assert await log.end_offsets(["feed_status"]) == end


async def test_who_has_read_everything_stands_at_the_end_or_behind_it(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 1, "feed_status") + poll("brest", 1, 3))
    await log.publish("brest", poll("brest", 2, 2))
    batches = await take(log, 6)
    assert all(batches[-1].offsets[place] >= end for place, end in (await log.end_offsets(TOPICS)).items())


async def test_reading_resumes_from_every_batch_and_every_record(log: Log) -> None:
    for number in range(4):
        await log.publish("brest", poll("brest", number, 3))
    batches = await take(log, 12)
    records = records_of(batches)
    for position, record in enumerate(records[:-1], 1):
        offsets = {TopicPartition(record.topic, record.partition): record.offset + 1}
        assert records_of(await take(log, 12 - position, offsets)) == records[position:]
    await log.publish("brest", poll("brest", 4, 3))
    assert poll_numbers(records_of(await take(log, 3, batches[-1].offsets)), "brest") == [4]


async def test_each_topic_resumes_from_its_own_offset(log: Log) -> None:
    for number in range(3):
        await log.publish("brest", poll("brest", number, 2) + poll("brest", number, 1, "feed_status"))
    records = records_of(await take(log, 9))
    statuses = [record for record in records if record.topic == "station_status"]
    offsets = {TopicPartition("station_status", statuses[-2].partition): statuses[-2].offset}
    resumed = records_of(await take(log, 5, offsets))
    assert [record for record in resumed if record.topic == "station_status"] == statuses[-2:]
    assert [record for record in resumed if record.topic == "feed_status"] == [
        record for record in records if record.topic == "feed_status"
    ]


async def test_an_offset_beyond_the_end_is_refused(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 2))
    with pytest.raises(LogError, match="station_status"):
        await take(log, 1, {TopicPartition("station_status", 0): 1_000})


async def test_a_backlog_comes_in_bounded_batches_of_whole_publishes(log: Log) -> None:
    for number in range(30):
        await log.publish("brest", poll("brest", number, 1_000))
    batches = await take(log, 30_000)
    assert len(batches) > 2
    assert [torn_polls(record.value for record in batch.records) for batch in batches] == [{}] * len(batches)
    assert poll_numbers(records_of(batches), "brest") == list(range(30))


async def test_a_publish_larger_than_a_batch_comes_whole(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 20_000))
    batches = await take(log, 20_000)
    assert [len(batch.records) for batch in batches] == [20_000]


async def test_the_records_of_a_system_keep_their_order_beside_other_publishers(log: Log, log_url: str) -> None:
    publishers = [publisher(log_url, system_id, 20, 50, 0) for system_id in ("brest", "rennes")]
    records = records_of(await take(log, 2 * 50 * 20))
    printed = [[int(line) for line in process.communicate()[0].split()] for process in publishers]
    assert [poll_numbers(records, "brest"), poll_numbers(records, "rennes")] == printed
    assert torn_polls(record.value for record in records) == {}


async def test_a_publish_of_another_process_arrives_within_50_milliseconds(log: Log, log_url: str) -> None:
    process = publisher(log_url, "brest", 41, 30, 0.03)
    delays: list[float] = []
    async with asyncio.timeout(30), aclosing(log.subscribe(TOPICS, {})) as subscription:
        while len(delays) < 30:
            batch = await anext(subscription)
            now = time.time()
            made = [json.loads(record.value) for record in batch.records]
            delays += [now - value["made"] for value in made if value["index"] == 0]
    process.communicate()
    assert statistics.median(delays) < 0.05


@pytest.mark.timeout(240)
async def test_no_reader_sees_part_of_a_poll_whose_publisher_is_killed(log: Log, log_url: str) -> None:
    """Twenty kills at random moments; what was acknowledged is there, and no poll is cut, seen live or read again."""
    follower = asyncio.create_task(take_until(log, 0))
    acknowledged: list[int] = []
    for _ in range(20):
        process = publisher(log_url, "brest", 400)
        assert process.stdout
        first = await asyncio.to_thread(process.stdout.readline)
        await asyncio.sleep(random.uniform(0, 0.03))  # the moment of the kill, not a wait for something
        process.kill()
        acknowledged += [int(line) for line in (first + process.communicate()[0]).splitlines()]
    await log.publish("brest", poll("brest", 0, 1))
    seen = await follower

    assert [torn_polls(record.value for record in batch.records) for batch in seen] == [{}] * len(seen)
    live = records_of(seen)
    assert records_of(await take(log, len(live))) == live
    assert len(acknowledged) >= 20
    assert set(acknowledged) <= set(poll_numbers(live, "brest"))


async def test_instants_find_the_first_publish_appended_since(log: Log) -> None:
    instants = [datetime.now(UTC) - timedelta(seconds=1)]
    for number in range(3):
        await log.publish("brest", poll("brest", number, 5))
        # Records carry the log's clock, in milliseconds on some engines.
        await asyncio.sleep(0.005)
        instants.append(datetime.now(UTC))
    found = [await log.offsets_at(TOPICS, instant) for instant in instants]
    read = [poll_numbers(records_of(await take(log, 5 * left, found[-1 - left])), "brest") for left in (3, 2, 1)]
    assert read == [[0, 1, 2], [1, 2], [2]]
    assert found[3] == await log.end_offsets(TOPICS)


async def test_retiring_never_takes_what_is_not_consumed(log: Log) -> None:
    for number in range(4):
        await log.publish("brest", poll("brest", number, 5))
    third = records_of(await take(log, 20))[10]
    consumed = {TopicPartition(third.topic, third.partition): third.offset}
    await log.retire(datetime.now(UTC) + timedelta(days=1), consumed)
    await log.publish("brest", poll("brest", 4, 5))
    left = records_of(await take_until(log, 4))
    assert poll_numbers(left, "brest")[-3:] == [2, 3, 4]
    assert torn_polls(record.value for record in left) == {}
    assert records_of(await take(log, 15, consumed)) == left[-15:]


async def test_retiring_never_takes_what_is_young(log: Log) -> None:
    await log.publish("brest", poll("brest", 1, 5))
    await log.retire(datetime.now(UTC) - timedelta(seconds=10), await log.end_offsets(TOPICS))
    assert poll_numbers(records_of(await take(log, 5)), "brest") == [1]


async def test_once_settled_whatever_was_published_lies_before_its_end(log: Log) -> None:
    for number in range(10):
        before = await log.end_offsets(TOPICS)
        await log.publish("brest", poll("brest", number, 20))
        await log.settle(TOPICS)
        after = await log.end_offsets(TOPICS)
        assert poll_numbers(records_of(await take(log, 20, before)), "brest") == [number]
        assert sum(after.values()) - sum(before.values()) >= 20
