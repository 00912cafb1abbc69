"""A reader of Kafka without a group: its own offsets, whole publishes, and a watch over itself."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, OffsetOutOfRangeError  # type: ignore[import-untyped]

from pipeline.adapters.kafka_assembly import SLACK, Arrived, Assembly
from pipeline.adapters.kafka_border import border
from pipeline.adapters.kafka_clients import Clients, close, reason
from pipeline.adapters.kafka_offsets import KafkaOffsets
from pipeline.adapters.kafka_topics import Topics
from pipeline.ports import LogBatch, LogError, Offsets, StoredRecord, TopicPartition

logger = logging.getLogger(__name__)

BATCH_RECORDS = 5_000
"""About how many records a batch holds; a larger publish comes whole."""

WAITING_RECORDS = 4 * BATCH_RECORDS
"""When so many records wait for the rest of their publish, only what they wait for is read."""

LOOK_SECONDS = 5.0
"""How often the subscription looks for partitions that were added, and at itself."""

STALLED_LOOKS = 3
"""After so many looks at which the log was ahead and nothing had come, the consumer is replaced."""

_IDLE_MILLISECONDS = 1_000
_OPEN_MILLISECONDS = 50


class Subscription:
    """Reads topics from offsets on, for ever."""

    def __init__(self, clients: Clients, topics: Topics, offsets: KafkaOffsets, names: Sequence[str]) -> None:
        self._clients = clients
        self._topics = topics
        self._offsets = offsets
        self._names = names
        self._positions: dict[TopicPartition, int] = {}
        self._assemblies: dict[int, Assembly] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._looked_at = time.monotonic()
        self._seen: Mapping[TopicPartition, int] = {}
        self._stalled_looks = 0
        self._is_away = False

    async def start(self, offsets: Offsets) -> None:
        """Begin at these offsets, and at the oldest record where none is given. Raises LogError."""
        ends = await self._offsets.end(self._names)
        first = await self._offsets.first(self._names)
        for name, end in ends.items():
            wanted = offsets.get(name, first[name])
            if wanted > end:
                msg = (
                    f"Kafka's {name.topic}/{name.partition} ends at offset {end}, but its reader stands at {wanted}:"
                    " this is not the log that it has read so far."
                )
                raise LogError(msg)
            self._positions[name] = max(wanted, first[name])
        await self._connect()

    async def _connect(self) -> None:
        """A consumer that stands at the positions."""
        await self.close()
        self._consumer = await self._clients.start(self._clients.consumer)
        self._assign(self._consumer)

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign([self._offsets.place(name) for name in self._positions])
        for name, position in self._positions.items():
            consumer.seek(self._offsets.place(name), position)
            if name.partition not in self._assemblies:
                self._assemblies[name.partition] = Assembly(self._names)

    async def batches(self, offsets: Offsets) -> AsyncGenerator[LogBatch, None]:
        """The batches, for one who stands at ``offsets``."""
        told: Offsets = {name: offsets.get(name, 0) for name in self._positions}
        while True:
            await self._read()
            records = [record for assembly in self._assemblies.values() for record in assembly.take()]
            offsets = self._resume_offsets()
            # Also without a record: who waits for the log's end gets there, over what is no record.
            if records or offsets != told:
                told = offsets
                yield LogBatch(records, offsets)
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                await self._look()

    async def _read(self) -> None:
        """Take what has come, or wait a little for it."""
        consumer = self._running()
        missing = {name for name in self._positions if name.topic in self._assemblies[name.partition].missing}
        is_full = sum(assembly.waiting for assembly in self._assemblies.values()) > WAITING_RECORDS
        wanted = [self._offsets.place(name) for name in missing] if is_full else []
        wait = _OPEN_MILLISECONDS if missing else _IDLE_MILLISECONDS
        try:
            got = await consumer.getmany(*wanted, timeout_ms=wait, max_records=BATCH_RECORDS)
        except OffsetOutOfRangeError:
            return await self._return()
        except KafkaError as error:
            msg = f"Kafka can't be read: {reason(error)}."
            raise LogError(msg) from error
        for place, records in got.items():
            self._add(self._offsets.name(place), records)
        for name in self._positions:
            self._positions[name] = await consumer.position(self._offsets.place(name))
        if missing and not got:
            await self._exhaust(missing)

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            msg = "The subscription was closed."
            raise LogError(msg)
        return self._consumer

    def _add(self, name: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        self._assemblies[name.partition].add(name.topic, [_arrived(name, record) for record in records])

    async def _exhaust(self, missing: set[TopicPartition]) -> None:
        """Find out whether what is missing will ever come.

        All of a publish has been written when the first part of it can be read. So a partition that was read up to
        whatever has been written holds no more of the publishes that are known.
        """
        try:
            written = await self._offsets.end(self._names, committed=False)
        except LogError as error:
            logger.debug("kafka: can't say whether a publish is whole yet: %s", error)
            return
        for name in missing:
            if self._positions[name] >= written[name]:
                self._assemblies[name.partition].exhaust(name.topic, datetime.now(UTC) - SLACK)

    async def _return(self) -> None:
        """Go on at the oldest record: the retention has taken what was to be read."""
        first = await self._offsets.first(self._names)
        for name, position in self._positions.items():
            if position < first[name]:
                logger.warning(
                    "kafka: %s/%d from offset %d to %d was deleted before it was read",
                    name.topic,
                    name.partition,
                    position,
                    first[name],
                )
            self._positions[name] = max(position, first[name])
        self._assign(self._running())

    def _resume_offsets(self) -> Offsets:
        waiting = {name: self._assemblies[name.partition].first_offset(name.topic) for name in self._positions}
        return {
            name: position if waiting[name] is None else min(position, waiting[name] or 0)
            for name, position in self._positions.items()
        }

    async def _look(self) -> None:
        """Take on partitions that were added; replace a consumer that has gone deaf."""
        self._looked_at = time.monotonic()
        try:
            ends = await self._offsets.end(self._names)
        except LogError as error:
            if not self._is_away:
                logger.warning("kafka: reading goes on as soon as it can. %s", error)
            self._is_away = True
            return
        if self._is_away:
            logger.info("kafka: the brokers answer again")
        self._is_away = False
        if new := ends.keys() - self._positions.keys():
            logger.info("kafka: %d partitions were added and are read from now on", len(new))
            self._positions.update(dict.fromkeys(new, 0))
            self._assign(self._running())
        is_behind = any(position < ends.get(name, 0) for name, position in self._positions.items())
        is_still = self._positions == self._seen
        self._seen = dict(self._positions)
        self._stalled_looks = self._stalled_looks + 1 if is_behind and is_still else 0
        if self._stalled_looks >= STALLED_LOOKS:
            seconds = LOOK_SECONDS * STALLED_LOOKS
            logger.warning("kafka: the log goes on and nothing of it came for %d s; reading anew", seconds)
            self._stalled_looks = 0
            await self._connect()

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close(consumer)


def _arrived(name: TopicPartition, record: ConsumerRecord) -> Arrived:
    stored = StoredRecord(
        name.topic,
        name.partition,
        record.offset,
        (record.key or b"").decode(errors="replace"),
        record.value or b"",
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
    return Arrived(stored, border(record.headers, name.topic, f"{name.topic}/{name.partition}/{record.offset}"))
