"""Publishes to Kafka, each in one transaction."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka import TopicPartition as Place
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    KafkaStorageError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder  # type: ignore[import-untyped]

from pipeline.adapters.kafka_border import headers
from pipeline.adapters.kafka_clients import Clients, close, reason
from pipeline.adapters.kafka_topics import Topics
from pipeline.adapters.kafka_url import KafkaPlace
from pipeline.ports import LogError, LogFull, LogRecord, PublisherFenced

logger = logging.getLogger(__name__)

PUBLISH_SECONDS = 30.0
"""How long a publish is tried: a broker that is started again answers sooner than this."""

SLOW_SECONDS = 3.0
"""A publish that waits for so long is worth a line in the log."""

TRANSACTION_SECONDS = 10.0
"""How long a transaction may stay open; readers wait so long for a publisher that was killed and not replaced."""

BATCH_BYTES = 1_000_000
"""The most that goes to a partition at once; brokers refuse more than 1,048,588 bytes unless told otherwise."""

RECORD_BYTES = BATCH_BYTES - 20_000

_PAUSE_SECONDS = 0.2

_LOOKS = (0.001, 0.002, 0.005, *[0.01] * 50, 1.0)
"""Seconds between looks at whether readers get a publish."""

Batch = tuple[str, BatchBuilder]
Ends = Mapping[Place, int]
"""Of each partition the offset of something in the last batch that was sent there."""


class KafkaPublisher:
    """Appends publishes one after the other.

    Of all publishers with the same ``role`` only the one that started last may publish. Without a role it is alone.
    """

    def __init__(self, place: KafkaPlace, clients: Clients, topics: Topics, role: str | None) -> None:
        self._place = place
        self._clients = clients
        self._topics = topics
        self._role = role
        self._id = f"{place.prefix}bikewire-{role or secrets.token_hex(8)}"
        self._lock = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        # The commit of the last attempt, unless that succeeded.
        self._commit: asyncio.Future[None] | None = None
        self._closing: set[asyncio.Future[None]] = set()

    async def publish(self, partition_key: str, records: Sequence[LogRecord]) -> None:
        """Append the records to the partition of the key. Raises LogError, LogFull, PublisherFenced."""
        self._check(records)
        async with self._lock:
            slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._tell)
            try:
                async with asyncio.timeout(PUBLISH_SECONDS):
                    counts = await self._topics.counts({record.topic for record in records})
                    # The same in every topic, also while partitions are being added to one after the other.
                    await self._publish(zlib.crc32(partition_key.encode()) % min(counts.values()), records)
            except TimeoutError as error:
                outcome = "it may yet appear" if self._commit else "nothing of it was published"
                raise LogError(await self._late(records, outcome)) from error
            finally:
                slow.cancel()

    async def claim(self) -> None:
        """Take over from a process before this one with the role: its open transaction is ended, one way or the other.

        Raises LogError.
        """
        async with self._lock:
            await self._ready()

    def _tell(self) -> None:
        logger.warning("kafka: a publish waits for %s, for up to %d s", self._place.bootstrap, PUBLISH_SECONDS)

    def _check(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            size = len(record.value) + len(record.key.encode())
            if size > RECORD_BYTES:
                msg = (
                    f"The record {record.key!r} of {record.topic} has {size} bytes, and Kafka takes {RECORD_BYTES}"
                    " in one record: nothing was published."
                )
                raise LogError(msg)

    async def _late(self, records: Sequence[LogRecord], outcome: str) -> str:
        """The sentence for a publish that took too long."""
        missing = ""
        try:
            async with asyncio.timeout(1):
                await self._topics.counts({record.topic for record in records}, fresh=True)
        except (LogError, TimeoutError) as error:
            missing = f" {error}"
        return f"Kafka at {self._place.bootstrap} took no publish within {PUBLISH_SECONDS:g} s; {outcome}.{missing}"

    async def _publish(self, partition: int, records: Sequence[LogRecord]) -> None:
        while True:
            began = time.monotonic()
            try:
                return await self._attempt(partition, records)
            except ProducerFenced as error:
                # A transaction that took too long is undone by the broker, which fences its producer.
                if time.monotonic() - began < TRANSACTION_SECONDS - 1:
                    raise PublisherFenced(self._fenced()) from error
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                msg = f"Kafka at {self._place.bootstrap} refuses records of this size: {reason(error)}."
                raise LogError(msg) from error
            except KafkaStorageError as error:
                msg = f"Kafka at {self._place.bootstrap} can't write to its disk, which may be full: {reason(error)}."
                raise LogFull(msg) from error
            except (KafkaError, LogError) as error:
                logger.debug("kafka: a publish is tried again: %r", error)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _attempt(self, partition: int, records: Sequence[LogRecord]) -> None:
        """One transaction. A producer of which one failed, or was cut short, is not used again.

        It may still have something to send. The one that follows it, under the same id, makes the brokers undo its
        transaction, or end it where they had been told to commit it, and take nothing more from it.
        """
        self._commit = None
        producer = await self._ready()
        try:
            ends = await self._send(producer, partition, records)
            self._commit = asyncio.ensure_future(producer.commit_transaction())
            self._commit.add_done_callback(_retrieve)
            await asyncio.shield(self._commit)
            await self._see(ends)
        except BaseException:
            self._abandon()
            raise
        self._commit = None

    def _fenced(self) -> str:
        return (
            f"Another process publishes to Kafka at {self._place.bootstrap} as {self._role or self._id!r} and has taken"
            " over; of its kind only one may run, so this one ends."
        )

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await self._clients.start(self._make)
        return self._producer

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._clients.options,
            transactional_id=self._id,
            transaction_timeout_ms=round(1000 * TRANSACTION_SECONDS),
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
        )

    async def _send(self, producer: AIOKafkaProducer, partition: int, records: Sequence[LogRecord]) -> Ends:
        await producer.begin_transaction()
        sent = []
        for topic, batch in _batches(producer, records):
            await self._know(producer, topic, partition)
            sent.append(await producer.send_batch(batch, self._place.topic(topic), partition=partition))
        done = [await result for result in sent]
        return {Place(metadata.topic, metadata.partition): metadata.offset for metadata in done}

    async def _see(self, ends: Ends) -> None:
        """Wait until readers get what was committed.

        A broker that is killed when it has acknowledged a commit, and has not yet marked it in the partitions, may
        forget to do so (Kafka 4.3: "likely deleted already and hence can be skipped"): readers wait then, and if the
        producer's next transaction is undone, this one is too. A transaction without records marks it.
        """
        for pause in chain(_LOOKS, repeat(_LOOKS[-1])):
            with suppress(KafkaError, TimeoutError):
                reader = await self._clients.reader()
                found = await reader.end_offsets(list(ends))
                if all(found[place] > offset for place, offset in ends.items()):
                    return
                if pause == _LOOKS[-1]:
                    await self._mark(ends)
            await asyncio.sleep(pause)

    async def _mark(self, places: Iterable[Place]) -> None:
        self._abandon()
        producer = await self._ready()
        await producer.begin_transaction()
        for place in places:
            await producer.send_batch(producer.create_batch(), place.topic, partition=place.partition)
        await producer.commit_transaction()

    async def _know(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        """Let the producer hear of a partition that was added since it last asked."""
        while partition not in (await producer.partitions_for(self._place.topic(topic)) or ()):
            await producer.client.force_metadata_update()

    def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            closing = asyncio.ensure_future(close(producer))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Let a transaction that is being committed end, within bounds."""
        if self._commit is not None:
            await asyncio.wait({self._commit}, timeout=1)
        self._abandon()
        if self._closing:
            await asyncio.wait(self._closing)


def _retrieve(done: asyncio.Future[Any]) -> None:
    """Look at the exception, so that asyncio does not tell of it."""
    if not done.cancelled():
        done.exception()


def _batches(producer: AIOKafkaProducer, records: Sequence[LogRecord]) -> list[Batch]:
    """The records of each topic in as few batches as hold them: one by one they take ten times as long."""
    batches: list[Batch] = []
    open_batches: dict[str, BatchBuilder] = {}
    for record, header in zip(records, headers(secrets.token_hex(8), records), strict=True):
        values = {"timestamp": None, "key": record.key.encode(), "value": record.value, "headers": [header]}
        batch = open_batches.get(record.topic)
        if batch is None or batch.append(**values) is None:
            batch = open_batches[record.topic] = producer.create_batch()
            batches.append((record.topic, batch))
            batch.append(**values)
    return batches
