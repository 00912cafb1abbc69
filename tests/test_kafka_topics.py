"""Topics that are missing, small or grown, and records that Kafka does not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic  # type: ignore[import-untyped]

from pipeline.adapters import kafka_clients, kafka_subscription, kafka_topics
from pipeline.ports import Log, LogBatch, LogError, LogRecord
from pipeline.wiring import open_log
from tests.log_publisher import poll
from tests.published_polls import TOPICS, poll_numbers, records_of, take, torn_polls
from tests.servers.kafka import KafkaServer
from tests.servers.process import free_port

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]


@pytest.fixture
async def log(kafka_url: str) -> AsyncIterator[Log]:
    async with open_log(kafka_url) as opened:
        await opened.create(TOPICS)
        yield opened


@pytest.fixture
async def admin(broker: KafkaServer) -> AsyncIterator[AIOKafkaAdminClient]:
    async with administration(broker) as client:
        yield client


@asynccontextmanager
async def administration(broker: KafkaServer) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def prefix(url: str) -> str:
    return url.rpartition("=")[2]


async def test_a_missing_topic_is_named_and_made_at_the_next_start(
    admin: AIOKafkaAdminClient, kafka_url: str, log: Log
) -> None:
    await log.publish("brest", poll("brest", 1, 2))
    await admin.delete_topics([f"{prefix(kafka_url)}feed_status"])
    await until_missing(kafka_url)
    async with open_log(kafka_url) as other:
        with pytest.raises(LogError, match=f"has no topic '{prefix(kafka_url)}feed_status'"):
            await take(other, 1)
        with pytest.raises(LogError, match=f"has no topic '{prefix(kafka_url)}feed_status'"):
            await other.publish("brest", poll("brest", 2, 2) + poll("brest", 2, 1, "feed_status"))
        await other.create(TOPICS)
        await other.publish("brest", poll("brest", 3, 2) + poll("brest", 3, 1, "feed_status"))
        records = records_of(await take(other, 5))
    assert poll_numbers(records, "brest") == [1, 3, 3]


def leaderless(monkeypatch: pytest.MonkeyPatch, answers: int) -> None:
    """What a broker says of its topics when it has just come back, for so many answers."""
    describe, left = AIOKafkaAdminClient.describe_topics, iter(range(answers))

    async def described(admin: AIOKafkaAdminClient) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await describe(admin)
        if next(left, None) is not None:
            for topic in found:
                topic["partitions"] = [{**part, "error_code": 5, "leader": -1} for part in topic["partitions"]]
        return found

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", described)


async def test_a_topic_that_has_no_leader_for_a_moment_is_waited_for(
    kafka_url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderless(monkeypatch, answers=3)
    async with open_log(kafka_url) as other:
        await other.publish("brest", poll("brest", 1, 2))
    assert poll_numbers(records_of(await take(log, 2)), "brest") == [1]


async def test_a_topic_that_stays_without_a_leader_is_named(
    kafka_url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_topics, "APPEAR_SECONDS", 0.3)
    leaderless(monkeypatch, answers=1_000)
    async with open_log(kafka_url) as other:
        with pytest.raises(LogError, match=f"has no leader for '{prefix(kafka_url)}station_status'"):
            await other.publish("brest", poll("brest", 1, 2))


async def until_missing(url: str) -> None:
    """Returns when the broker has forgotten a topic."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with open_log(url) as log:
                    await log.end_offsets(TOPICS)
            except LogError:
                return
            await asyncio.sleep(0.1)


async def test_topics_with_fewer_partitions_than_asked_for_are_told_of_and_used(
    admin: AIOKafkaAdminClient, kafka_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await admin.create_topics([NewTopic(f"{prefix(kafka_url)}feed_status", 1, 1)])
    async with open_log(kafka_url) as log:
        await log.create(TOPICS)
        assert [message for message in caplog.messages if "partitions" in message] == [
            f"kafka: the topic '{prefix(kafka_url)}feed_status' has 1 partitions, BIKEWIRE_LOG asks for 3;"
            " add some with kafka-topics.sh"
        ]
        await log.publish("brest", poll("brest", 1, 2) + poll("brest", 1, 1, "feed_status"))
        assert {record.partition for record in records_of(await take(log, 3))} == {0}


async def test_partitions_that_are_added_are_read_from_their_first_record(
    admin: AIOKafkaAdminClient, kafka_url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_subscription, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(kafka_topics, "REFRESH_SECONDS", 0.2)
    systems = [f"system-{number}" for number in range(12)]
    async with aclosing(log.subscribe(TOPICS, {})) as subscription:
        before = [await published(log, subscription, system, 1) for system in systems]
        await admin.create_partitions({f"{prefix(kafka_url)}{topic}": NewPartitions(8) for topic in TOPICS})
        await until_partitions(log, 8)
        after = [await published(log, subscription, system, 2) for system in systems]
    assert set(before) <= {0, 1, 2}
    assert max(after) > 2
    records = records_of(await take(log, 4 * len(before + after)))
    assert torn_polls(record.value for record in records if record.topic == "station_status") == {}
    # Of two partitions, one may be read before the other.
    assert [sorted(poll_numbers(records, system)) for system in systems] == [[1, 1, 2, 2]] * len(systems)


async def published(log: Log, subscription: AsyncGenerator[LogBatch, None], system: str, number: int) -> int:
    """Publish a poll and wait for it; its partition."""
    await log.publish(system, poll(system, number, 3) + poll(system, number, 1, "feed_status"))
    async with asyncio.timeout(20):
        while not (records := (await anext(subscription)).records):
            pass
    assert poll_numbers(records, system) == [number, number]
    return records[0].partition


async def until_partitions(log: Log, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await log.end_offsets(["station_status"])) < count:  # noqa: ASYNC110  # Kafka tells nobody
            await asyncio.sleep(0.05)


async def test_a_record_that_is_too_large_is_refused_with_a_sentence(log: Log) -> None:
    large = LogRecord("station_status", "brest/large", b"x" * 1_000_000)
    with pytest.raises(LogError, match=r"'brest/large' of station_status has 1000011 bytes, and Kafka takes 980000"):
        await log.publish("brest", [*poll("brest", 1, 2), large])
    await log.publish("brest", poll("brest", 2, 2))
    assert poll_numbers(records_of(await take(log, 2)), "brest") == [2]


async def test_a_record_that_this_broker_finds_too_large_is_refused_with_a_sentence(
    admin: AIOKafkaAdminClient, kafka_url: str
) -> None:
    small = {"max.message.bytes": "20000"}
    await admin.create_topics([NewTopic(f"{prefix(kafka_url)}station_status", 3, 1, topic_configs=small)])
    async with open_log(kafka_url) as log:
        await log.create(TOPICS)
        with pytest.raises(LogError, match="refuses records of this size"):
            await log.publish("brest", [LogRecord("station_status", "brest/1", b"x" * 50_000)])
        await log.publish("brest", poll("brest", 2, 2))
        assert poll_numbers(records_of(await take(log, 2)), "brest") == [2]


async def test_no_broker_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_clients, "FIRST_START_SECONDS", 1.0)
    async with open_log(f"kafka://127.0.0.1:{free_port()}") as log:
        with pytest.raises(LogError, match=r"No Kafka broker answers at 127.0.0.1:\d+ \(BIKEWIRE_LOG\)"):
            await log.create(TOPICS)
