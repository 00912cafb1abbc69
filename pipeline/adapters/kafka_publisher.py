"""Publishes to Kafka, each in one transaction."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import zlib
from collections.abc import Coroutine, Sequence

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
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

Batch = tuple[str, BatchBuilder]


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
        # The end of the last transaction, where a publish did not wait for it.
        self._ending: asyncio.Task[None] | None = None
        self._is_committing = False

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
                raise LogError(await self._late(records)) from error
            finally:
                slow.cancel()

    async def claim(self) -> None:
        """Take over from a process before this one with the role: its open transaction is ended, one way or the other.

        Raises LogError.
        """
        async with self._lock:
            await self._settle()
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

    async def _late(self, records: Sequence[LogRecord]) -> str:
        """The sentence for a publish that took too long."""
        missing = ""
        try:
            async with asyncio.timeout(1):
                await self._topics.counts({record.topic for record in records}, fresh=True)
        except (LogError, TimeoutError) as error:
            missing = f" {error}"
        may_appear = self._ending is not None and self._is_committing
        outcome = "it may yet appear" if may_appear else "nothing of it was published"
        return f"Kafka at {self._place.bootstrap} took no publish within {PUBLISH_SECONDS:g} s; {outcome}.{missing}"

    async def _publish(self, partition: int, records: Sequence[LogRecord]) -> None:
        while True:
            await self._settle()
            producer = await self._ready()
            began = time.monotonic()
            try:
                await self._transact(producer, partition, records)
            except ProducerFenced as error:
                await self._drop()
                # A transaction that took too long is undone by the broker, which fences its producer.
                if time.monotonic() - began < TRANSACTION_SECONDS - 1:
                    raise PublisherFenced(self._fenced()) from error
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                msg = f"Kafka at {self._place.bootstrap} refuses records of this size: {reason(error)}."
                raise LogError(msg) from error
            except KafkaStorageError as error:
                msg = f"Kafka at {self._place.bootstrap} can't write to its disk, which may be full: {reason(error)}."
                raise LogFull(msg) from error
            except KafkaError as error:
                logger.debug("kafka: a publish is tried again: %r", error)
                await self._drop()
            else:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

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

    async def _transact(self, producer: AIOKafkaProducer, partition: int, records: Sequence[LogRecord]) -> None:
        await producer.begin_transaction()
        try:
            await self._send(producer, partition, records)
        except BaseException:
            self._end(producer.abort_transaction(), is_committing=False)
            raise
        await asyncio.shield(self._end(producer.commit_transaction(), is_committing=True))
        self._ending = None

    async def _send(self, producer: AIOKafkaProducer, partition: int, records: Sequence[LogRecord]) -> None:
        sent = [
            await producer.send_batch(batch, self._place.topic(topic), partition=partition)
            for topic, batch in _batches(producer, records)
        ]
        for result in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _end(self, ending: Coroutine[None, None, None], *, is_committing: bool) -> asyncio.Task[None]:
        # In a task of its own: it goes on when the publish is cancelled, and the next one waits for it.
        self._ending, self._is_committing = asyncio.create_task(ending), is_committing
        self._ending.add_done_callback(_retrieve)
        return self._ending

    async def _settle(self) -> None:
        """Wait for the end of a transaction that was left open."""
        if self._ending is not None:
            await asyncio.wait({self._ending})
            failed = self._ending.cancelled() or self._ending.exception() is not None
            self._ending = None
            if failed:
                await self._drop()

    async def _drop(self) -> None:
        producer, self._producer, self._ending = self._producer, None, None
        if producer is not None:
            await close(producer)

    async def close(self) -> None:
        """Let a transaction that is being ended end, within bounds."""
        if self._ending is not None:
            await asyncio.wait({self._ending}, timeout=1)
        await self._drop()


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at a task's exception, so that asyncio does not tell of it."""
    if not task.cancelled():
        task.exception()


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
