"""What becomes of the log when its broker dies, hangs or is full, and of those who publish and read meanwhile."""

from __future__ import annotations

import asyncio
import random
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic  # type: ignore[import-untyped]
from starlette.responses import Response

from pipeline.adapters import kafka_clients, kafka_publisher, kafka_subscription, kafka_topics
from pipeline.ports import Log, LogBatch, LogError, LogRecord, PublisherFenced
from pipeline.wiring import open_log
from tests.feed_server import feed_server
from tests.gbfs_documents import body, status, statuses
from tests.live_server import Poller, client, running, settings_in, told
from tests.log_publisher import poll
from tests.published_polls import TOPICS, poll_numbers, publisher, records_of, take, take_until, torn_polls
from tests.running import running as started
from tests.servers.kafka import KafkaServer
from tests.servers.process import free_port

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

SMALL = {"log.index.size.max.bytes": "4096", "log.segment.bytes": str(1 << 20), "log.cleaner.enable": "false"}
"""Else Kafka asks for 10 MB for each partition's indexes."""


@pytest.fixture(scope="module")
def broker(kafka_server: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker that may be killed. (Where Kafka can't be had, the shared one says so.)"""
    found = KafkaServer(tmp_path_factory.mktemp("broker"))
    found.start()
    yield found
    found.kill()


@pytest.fixture
def url(broker: KafkaServer) -> str:
    return f"{broker.url}?prefix={uuid4().hex[:8]}."


@pytest.fixture
async def log(url: str) -> AsyncIterator[Log]:
    async with open_log(url) as opened:
        await opened.create(TOPICS)
        yield opened


@asynccontextmanager
async def administration(broker: KafkaServer) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def prefix(url: str) -> str:
    return url.rpartition("=")[2]


class Publishing:
    """A process that publishes polls until it is killed, and the numbers of those that it says are published."""

    def __init__(self, url: str, records: int) -> None:
        self._process = publisher(url, "brest", records)
        self.acknowledged: list[int] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.acknowledged.append(int(line))

    async def until_more(self) -> None:
        """Returns when it has published something since now."""
        count = len(self.acknowledged)
        await until(lambda: len(self.acknowledged) > count + 1)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()


async def until(look: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not look():  # noqa: ASYNC110  # the condition is about another thread's or process's state
            await asyncio.sleep(0.01)


async def test_a_broker_killed_in_the_middle_of_publishes_loses_and_tears_nothing(
    broker: KafkaServer, url: str, log: Log
) -> None:
    """Publisher and reader go on by themselves; what was acknowledged is there once, and no poll is there in part."""
    follower = asyncio.create_task(take_until(log, 0))
    publishing = Publishing(url, 400)
    for _ in range(2):
        await publishing.until_more()
        await asyncio.sleep(random.uniform(0, 0.5))  # the moment of the kill, not a wait for something
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
    await publishing.until_more()
    publishing.kill()
    await log.publish("brest", poll("brest", 0, 1))
    live = records_of(await follower)

    assert torn_polls(record.value for record in live) == {}
    assert max(Counter(poll_numbers(live, "brest")).values()) == 1
    assert set(publishing.acknowledged) <= set(poll_numbers(live, "brest"))
    assert records_of(await take(log, len(live))) == live


async def test_a_publish_that_no_broker_takes_fails_with_a_sentence_and_the_next_ones_succeed(
    broker: KafkaServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_publisher, "PUBLISH_SECONDS", 2.0)
    await log.publish("brest", poll("brest", 1, 10))
    await asyncio.to_thread(broker.kill)
    with pytest.raises(LogError, match=r"took no publish within 2 s; nothing was published"):
        await log.publish("brest", poll("brest", 2, 10))
    await asyncio.to_thread(broker.start)
    monkeypatch.undo()
    await log.publish("brest", poll("brest", 3, 10))
    assert poll_numbers(records_of(await take(log, 20)), "brest") == [1, 3]


async def test_a_frozen_broker_delays_and_loses_nothing(broker: KafkaServer, log: Log) -> None:
    """For longer than a request and a transaction may take."""
    follower = asyncio.create_task(take_until(log, 9))
    publishes = asyncio.create_task(_publish_all(log, range(1, 10)))
    await asyncio.sleep(random.uniform(0, 0.05))  # the moment of the freeze, not a wait for something
    broker.freeze()
    await asyncio.sleep(12)  # how long it lasts
    broker.thaw()
    await publishes
    live = records_of(await follower)
    for topic in TOPICS:
        records = [record for record in live if record.topic == topic]
        assert poll_numbers(records, "brest") == list(range(1, 10))
        assert torn_polls(record.value for record in records) == {}


async def _publish_all(log: Log, numbers: Iterable[int]) -> None:
    for number in numbers:
        await log.publish("brest", poll("brest", number, 50) + poll("brest", number, 2, "feed_status"))


async def test_a_second_publisher_in_the_same_role_ends_the_first(url: str) -> None:
    async with open_log(url, "poller") as first, open_log(url, "poller") as second, open_log(url, "stream") as other:
        await first.create(TOPICS)
        await first.publish("brest", poll("brest", 1, 2))
        await other.publish("brest", poll("brest", 2, 2))
        await second.publish("brest", poll("brest", 3, 2))
        with pytest.raises(PublisherFenced, match="Another process publishes .* as 'poller' and has taken over"):
            await first.publish("brest", poll("brest", 4, 2))
        await second.publish("brest", poll("brest", 5, 2))
        await other.publish("brest", poll("brest", 6, 2))
        assert poll_numbers(records_of(await take(second, 10)), "brest") == [1, 2, 3, 5, 6]


async def test_the_poller_that_was_fenced_ends_and_says_why(url: str, tmp_path: Path) -> None:
    with feed_server() as feeds:
        address = feeds.serve_system("harbour")
        feeds.answers["station_status"] = lambda _: Response(body(statuses(status("st_1")), datetime.now(UTC), ttl=0))
        environment = {"BIKEWIRE_LOG": url, "BIKEWIRE_MIN_POLL_SECONDS": "0.2"}
        with started("poll", address, "--data", tmp_path / "first", **environment) as first:
            await until(lambda: feeds.count("station_status") > 2)
            with started("poll", address, "--data", tmp_path / "second", **environment) as second:
                assert await asyncio.to_thread(first.wait, 30) == PublisherFenced.exit_code
                polls = feeds.count("station_status")
                await until(lambda: feeds.count("station_status") > polls + 2)
                assert second.process.poll() is None
    assert first.lines[-1].startswith("Another process publishes to Kafka at 127.0.0.1")
    assert first.lines[-1].endswith("as 'poller' and has taken over; of its kind only one may run, so this one ends.")


async def test_a_missing_topic_is_named(broker: KafkaServer, url: str, log: Log) -> None:
    async with administration(broker) as admin:
        await admin.delete_topics([f"{prefix(url)}feed_status"])
    await until_missing(url)
    async with open_log(url) as other:
        with pytest.raises(LogError, match=f"has no topic '{prefix(url)}feed_status'"):
            await take(other, 1)
        with pytest.raises(LogError, match=f"has no topic '{prefix(url)}feed_status'"):
            await other.publish("brest", poll("brest", 1, 1, "feed_status"))
        await other.create(TOPICS)
        await other.publish("brest", poll("brest", 2, 1, "feed_status"))
        assert poll_numbers(records_of(await take(other, 1)), "brest") == [2]


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
    broker: KafkaServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with administration(broker) as admin:
        await admin.create_topics([NewTopic(f"{prefix(url)}feed_status", 1, 1)])
    async with open_log(url) as log:
        await log.create(TOPICS)
        assert [record.getMessage() for record in caplog.records if "partitions" in record.getMessage()] == [
            f"kafka: the topic '{prefix(url)}feed_status' has 1 partitions, BIKEWIRE_LOG asks for 3;"
            " add some with kafka-topics.sh"
        ]
        await log.publish("brest", poll("brest", 1, 2) + poll("brest", 1, 1, "feed_status"))
        assert {record.partition for record in records_of(await take(log, 3))} == {0}


async def test_partitions_that_are_added_are_read_from_their_first_record(
    broker: KafkaServer, url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_subscription, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(kafka_topics, "REFRESH_SECONDS", 0.2)
    systems = [f"system-{number}" for number in range(12)]
    async with aclosing(log.subscribe(TOPICS, {})) as subscription:
        before = [await _published(log, subscription, system, 1) for system in systems]
        async with administration(broker) as admin:
            await admin.create_partitions({f"{prefix(url)}{topic}": NewPartitions(8) for topic in TOPICS})
        await until_partitions(log, 8)
        after = [await _published(log, subscription, system, 2) for system in systems]
    assert set(before) <= {0, 1, 2}
    assert max(after) > 2


async def _published(log: Log, subscription: AsyncGenerator[LogBatch, None], system: str, number: int) -> int:
    """Publish a poll and wait for it; its partition."""
    await log.publish(system, poll(system, number, 3) + poll(system, number, 1, "feed_status"))
    async with asyncio.timeout(20):
        while not (records := (await anext(subscription)).records):
            pass
    assert poll_numbers(records, system) == [number, number]
    return records[0].partition


async def until_partitions(log: Log, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await log.end_offsets(["station_status"])) < count:
            await asyncio.sleep(0.05)


async def test_a_record_that_is_too_large_is_refused_with_a_sentence(log: Log) -> None:
    large = LogRecord("station_status", "brest/large", b"x" * 1_000_000)
    with pytest.raises(LogError, match=r"'brest/large' of station_status has 1000011 bytes, and Kafka takes 980000"):
        await log.publish("brest", [*poll("brest", 1, 2), large])
    await log.publish("brest", poll("brest", 2, 2))
    assert poll_numbers(records_of(await take(log, 2)), "brest") == [2]


async def test_a_record_that_this_broker_finds_too_large_is_refused_with_a_sentence(
    broker: KafkaServer, url: str
) -> None:
    async with administration(broker) as admin:
        small = {"max.message.bytes": "20000"}
        await admin.create_topics([NewTopic(f"{prefix(url)}station_status", 3, 1, topic_configs=small)])
    async with open_log(url) as log:
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


async def test_a_client_of_the_map_misses_nothing_when_the_broker_is_away(
    broker: KafkaServer, url: str, tmp_path: Path
) -> None:
    """The cursor from before the outage gives exactly what changed since, on the socket that stayed and on a new one."""
    poller = Poller(settings_in(tmp_path, log=url))
    await poller.begin()
    with running(poller.settings) as server:
        async with client(server.port) as there:
            await there.subscribe()
            cursor = (await there.updates())["cursor"]
            broker.freeze()
            thaw = asyncio.get_running_loop().call_later(12, broker.thaw)
            await poller.poll(["a"], a=2, b=5)
            thaw.cancel()
            assert told(await there.updates()) == (False, {"a": 2})
            await poller.poll(["b"], a=2, b=6)
            assert told(await there.updates()) == (False, {"b": 6})
        async with client(server.port) as back:
            await back.subscribe(after=cursor)
            assert told(await back.updates()) == (False, {"a": 2, "b": 6})


async def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk: Path, kafka_server: KafkaServer) -> None:
    """A broker whose disk is full ends itself; once there is room and it is started again, publishes succeed."""
    subprocess.run(["mount", "-o", "remount,size=24m", str(small_disk)], check=True)
    server = KafkaServer(small_disk / "kafka", SMALL)
    server.start()
    acknowledged: list[int] = []
    try:
        async with open_log(server.url) as log:
            await log.create(TOPICS)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(kafka_publisher, "PUBLISH_SECONDS", 3.0)
                with pytest.raises(LogError, match="Kafka at "):
                    for number in range(1000):
                        await log.publish("brest", poll("brest", number, 1_500))
                        acknowledged.append(number)
            server.kill()
            subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
            await asyncio.to_thread(server.start)
            await log.publish("brest", poll("brest", 1000, 10))
            batches = await take_until(log, 1000)
            assert torn_polls(record.value for record in records_of(batches)) == {}
            assert poll_numbers(records_of(batches), "brest") == [*acknowledged, 1000]
    finally:
        server.kill()
