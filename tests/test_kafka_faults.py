"""What becomes of the log when its broker dies, hangs, is full or out of reach, and of those who use it meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from pipeline.adapters import kafka_clients, kafka_publisher, kafka_subscription
from pipeline.ports import Log, LogError, LogRecord, PublisherFenced, StoredRecord
from pipeline.wiring import open_log
from tests.feed_server import feed_server
from tests.gbfs_documents import body, status, statuses
from tests.live_server import Client, Poller, client, running, settings_in, told
from tests.log_publisher import poll
from tests.published_polls import TOPICS, poll_numbers, publisher, records_of, take, take_until
from tests.relay import relaying
from tests.running import running as started
from tests.servers.kafka import KafkaServer

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

SMALL = {"log.index.size.max.bytes": "4096", "log.segment.bytes": str(1 << 20), "log.cleaner.enable": "false"}
"""Else Kafka asks for 10 MB for each partition's indexes."""

Content = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
async def log(kafka_url: str) -> AsyncIterator[Log]:
    async with open_log(kafka_url) as opened:
        await opened.create(TOPICS)
        yield opened


def content(records: Iterable[StoredRecord]) -> Content:
    """What the records say, but for the time at which they were made."""
    return [(record.topic, record.key, json.loads(record.value) | {"made": None}) for record in records]


async def undisturbed(folder: Path, publishes: Iterable[Sequence[LogRecord]]) -> Content:
    """The content of a log in which nothing goes wrong."""
    async with open_log(f"sqlite:///{folder / 'undisturbed.sqlite'}") as log:
        await log.create(TOPICS)
        count = 0
        for records in publishes:
            await log.publish("brest", records)
            count += len(records)
        return content(records_of(await take(log, count)))


class Publishing:
    """A process that publishes polls until it is killed, and the numbers of those that it says are published."""

    def __init__(self, url: str, records: int) -> None:
        self._process = publisher(url, "brest", records)
        self.acknowledged: list[int] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self.acknowledged.extend(map(int, lines))

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
    broker: KafkaServer, kafka_url: str, log: Log, tmp_path: Path
) -> None:
    """Publisher and reader go on by themselves; what was acknowledged is there once, and no poll is there in part."""
    follower = asyncio.create_task(take_until(log, 0))
    publishing = Publishing(kafka_url, 400)
    for _ in range(2):
        await publishing.until_more()
        await asyncio.sleep(random.uniform(0, 0.5))  # the moment of the kill, not a wait for something
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
    await publishing.until_more()
    publishing.kill()
    # In its place, so that its open transaction ends at once.
    async with open_log(kafka_url, "brest") as heir:
        await heir.publish("brest", poll("brest", 0, 1))
    live = records_of(await follower)

    *numbers, last = poll_numbers(live, "brest")
    assert last == 0
    assert publishing.acknowledged == numbers[: len(publishing.acknowledged)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert content(live) == await undisturbed(
        tmp_path, [*(poll("brest", number, 400) for number in numbers), poll("brest", 0, 1)]
    )
    assert records_of(await take(log, len(live))) == live


async def test_a_publish_that_no_broker_takes_fails_with_a_sentence_and_the_next_ones_succeed(
    broker: KafkaServer, log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kafka_publisher, "PUBLISH_SECONDS", 2.0)
    await log.publish("brest", poll("brest", 1, 10))
    await asyncio.to_thread(broker.kill)
    with pytest.raises(LogError, match=r"took no publish within 2 s; nothing of it was published"):
        await log.publish("brest", poll("brest", 2, 10))
    await asyncio.to_thread(broker.start)
    monkeypatch.undo()
    await log.publish("brest", poll("brest", 3, 10))
    expected = await undisturbed(tmp_path, [poll("brest", 1, 10), poll("brest", 3, 10)])
    assert content(records_of(await take(log, 20))) == expected


@pytest.fixture
def freeze_seconds(monkeypatch: pytest.MonkeyPatch) -> float:
    """Longer than a request and a transaction may take."""
    monkeypatch.setattr(kafka_clients, "REQUEST_MILLISECONDS", 2_000)
    monkeypatch.setattr(kafka_publisher, "TRANSACTION_SECONDS", 3.0)
    return 5.0


async def test_a_frozen_broker_delays_and_loses_nothing(
    freeze_seconds: float, broker: KafkaServer, log: Log, tmp_path: Path
) -> None:
    first, *publishes = [poll("brest", number, 50) + poll("brest", number, 2, "feed_status") for number in range(1, 10)]
    async with aclosing(log.subscribe(TOPICS, {})) as batches:
        await log.publish("brest", first)
        live = records_of([await anext(batches)])
        publishing = asyncio.create_task(_publish_all(log, publishes))
        await asyncio.sleep(random.uniform(0, 0.05))  # the moment of the freeze, not a wait for something
        broker.freeze()
        await asyncio.sleep(freeze_seconds)
        broker.thaw()
        await publishing
        async with asyncio.timeout(60):
            while len(live) < 9 * 52:
                live += (await anext(batches)).records
    assert content(live) == await undisturbed(tmp_path, [first, *publishes])


async def _publish_all(log: Log, publishes: Iterable[Sequence[LogRecord]]) -> None:
    for records in publishes:
        await log.publish("brest", records)


async def test_a_second_publisher_in_the_same_role_ends_the_first(kafka_url: str, tmp_path: Path) -> None:
    async with (
        open_log(kafka_url, "poller") as first,
        open_log(kafka_url, "poller") as second,
        open_log(kafka_url, "stream") as other,
    ):
        await first.create(TOPICS)
        for number, log in enumerate((first, other, second)):
            await log.publish("brest", poll("brest", number, 2))
        with pytest.raises(PublisherFenced, match=r"Another process publishes .* as 'poller' and has taken over"):
            await first.publish("brest", poll("brest", 9, 2))
        for number, log in enumerate((second, other), 3):
            await log.publish("brest", poll("brest", number, 2))
        live = content(records_of(await take(second, 10)))
    assert live == await undisturbed(tmp_path, [poll("brest", number, 2) for number in range(5)])


async def test_the_poller_that_was_fenced_ends_and_says_why(kafka_url: str, tmp_path: Path) -> None:
    with feed_server() as feeds:
        address = feeds.serve_system("harbour")
        feeds.answers["station_status"] = lambda _: Response(body(statuses(status("st_1")), datetime.now(UTC), ttl=0))
        environment = {"BIKEWIRE_LOG": kafka_url, "BIKEWIRE_MIN_POLL_SECONDS": "0.2"}
        with started("poll", address, "--data", tmp_path / "first", **environment) as first:
            await until(lambda: feeds.count("station_status") > 2)
            with started("poll", address, "--data", tmp_path / "second", **environment) as second:
                assert await asyncio.to_thread(first.wait, 30) == PublisherFenced.exit_code
                polls = feeds.count("station_status")
                await until(lambda: feeds.count("station_status") > polls + 2)
                assert second.process.poll() is None
    assert first.lines[-1].startswith("Another process publishes to Kafka at 127.0.0.1")
    assert first.lines[-1].endswith("as 'poller' and has taken over; of its kind only one may run, so this one ends.")


async def updates_until(there: Client, **bikes: int) -> dict[str, int]:
    """The bikes that the changes say, until they say this; fails when a snapshot is among them."""
    found: dict[str, int] = {}
    while found != bikes:
        is_snapshot, more = told(await there.updates())
        assert not is_snapshot
        found |= more
    return found


async def test_a_client_of_the_map_misses_nothing_when_the_broker_is_away(
    freeze_seconds: float, broker: KafkaServer, kafka_url: str, tmp_path: Path
) -> None:
    """The cursor of before gives exactly what changed since, on the socket that stayed and on a new one."""
    poller = Poller(settings_in(tmp_path, log=kafka_url))
    await poller.begin()
    with running(poller.settings) as server:
        async with client(server.port) as there:
            await there.subscribe()
            cursor = (await there.updates())["cursor"]
            broker.freeze()
            asyncio.get_running_loop().call_later(freeze_seconds, broker.thaw)
            await poller.poll(["a"], a=2, b=5)
            assert told(await there.updates()) == (False, {"a": 2})
            await poller.poll(["b"], a=2, b=6)
            assert told(await there.updates()) == (False, {"b": 6})
        async with client(server.port) as back:
            await back.subscribe(after=cursor)
            assert told(await back.updates()) == (False, {"a": 2, "b": 6})


async def test_a_cut_between_the_api_and_kafka_leaves_no_gap(
    broker: KafkaServer,
    kafka_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The poller goes on meanwhile; the cut lasts until the API has given up its connections, and longer."""
    monkeypatch.setattr(kafka_clients, "REQUEST_MILLISECONDS", 1_000)
    monkeypatch.setattr(kafka_subscription, "LOOK_SECONDS", 0.5)
    far = kafka_url.replace(str(broker.port), str(broker.far_port))
    poller = Poller(settings_in(tmp_path, log=kafka_url))
    await poller.begin()
    with (
        relaying(broker.far_port, broker.relayed_port) as relay,
        running(settings_in(tmp_path, log=far)) as server,
    ):
        async with client(server.port) as there:
            await there.subscribe()
            cursor = (await there.updates())["cursor"]
            relay.cut()
            for number in range(5):
                await poller.poll(["a", "b"], a=2 + number, b=6 + number)
            await until(lambda: any("reading goes on as soon as it can" in line for line in caplog.messages))
            relay.mend()
            await updates_until(there, a=6, b=10)
            await poller.poll(["b"], a=6, b=7)
            await updates_until(there, b=7)
        async with client(server.port) as back:
            await back.subscribe(after=cursor)
            assert told(await back.updates()) == (False, {"a": 6, "b": 7})


async def resize(disk: Path, size: str) -> None:
    command = ["mount", "-o", f"remount,size={size}", str(disk)]
    await asyncio.to_thread(subprocess.run, command, check=True)


async def publish_until_full(log: Log, acknowledged: list[int]) -> None:
    for number in range(1000):
        await log.publish("brest", poll("brest", number, 1_500))
        acknowledged.append(number)


async def test_a_full_disk_loses_nothing_that_was_acknowledged(
    small_disk: Path, kafka_server: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker whose disk is full ends itself; once there is room and it is started again, publishes succeed."""
    await resize(small_disk, "16m")
    server = KafkaServer(small_disk / "kafka", SMALL)
    await asyncio.to_thread(server.start)
    acknowledged: list[int] = []
    monkeypatch.setattr(kafka_publisher, "PUBLISH_SECONDS", 3.0)
    try:
        async with open_log(server.url) as log:
            await log.create(TOPICS)
            with pytest.raises(LogError, match=r"^Kafka at "):
                await publish_until_full(log, acknowledged)
            server.kill()
            await resize(small_disk, "100m")
            await asyncio.to_thread(server.start)
            monkeypatch.undo()
            await log.publish("brest", poll("brest", 1000, 10))
            live = content(records_of(await take_until(log, 1000)))
    finally:
        server.kill()
    publishes = [*(poll("brest", number, 1_500) for number in acknowledged), poll("brest", 1000, 10)]
    assert live == await undisturbed(tmp_path, publishes)
