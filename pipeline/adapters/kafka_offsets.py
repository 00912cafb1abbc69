"""Where Kafka's partitions begin and end, and where they were at an instant; by the topics' names in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord  # type: ignore[import-untyped]
from aiokafka import TopicPartition as Place

from pipeline.adapters.kafka_border import border
from pipeline.adapters.kafka_clients import Clients, close, telling
from pipeline.adapters.kafka_topics import Topics
from pipeline.adapters.kafka_url import KafkaPlace
from pipeline.ports import Offsets, TopicPartition

FIND_SECONDS = 10.0

SETTLE_SECONDS = 30.0
"""By then the transaction of a publisher that was killed has been ended by the broker."""

_PROBE_BYTES = 65_536


class KafkaOffsets:
    """Asks the brokers; every method raises LogError."""

    def __init__(self, place: KafkaPlace, clients: Clients, topics: Topics) -> None:
        self._place = place
        self._clients = clients
        self._topics = topics

    async def first(self, topics: Collection[str]) -> Offsets:
        """Of each partition the offset of the oldest record that is still there."""
        places = await self._topics.places(topics)
        async with telling(self._place, "say where its topics begin"):
            reader = await self._clients.reader()
            return self._named(await reader.beginning_offsets(places))

    async def end(self, topics: Collection[str], *, committed: bool = True) -> Offsets:
        """Of each partition the offset after what has been committed, or after whatever has been written."""
        places = await self._topics.places(topics)
        async with telling(self._place, "say where its topics end"):
            reader = await self._clients.reader(committed=committed)
            return self._named(await reader.end_offsets(places))

    async def settle(self, topics: Collection[str]) -> None:
        """Wait until no transaction is open in the topics."""
        async with telling(self._place, "end the transactions in its topics"), asyncio.timeout(SETTLE_SECONDS):
            while await self.end(topics) != await self.end(topics, committed=False):  # noqa: ASYNC110  # no news of it
                await asyncio.sleep(0.005)

    async def at(self, topics: Collection[str], instant: datetime) -> Offsets:
        """Of each partition where the first publish appended at or after the instant begins, else its end."""
        # The ends come first: what is published in between then counts as not yet there.
        ends = await self.end(topics)
        return await self.at_millisecond(topics, -(-int(instant.timestamp() * 1_000_000) // 1000), ends)

    async def at_millisecond(self, topics: Collection[str], millisecond: int, ends: Offsets) -> Offsets:
        """The same, counted from 1970, and with the ends as they were."""
        found = await self.times(topics, millisecond)
        inside = {name: found[name] for name, end in ends.items() if found[name] < end}
        return {**ends, **await self.borders(inside, ends)}

    async def times(self, topics: Collection[str], millisecond: int) -> Offsets:
        """Of each partition the first offset written at or after the millisecond, else its end; maybe no record's."""
        hits = await self._hits(topics, millisecond)
        ends = await self.end(topics)
        return {name: ends[name] if hit is None else min(hit.offset, ends[name]) for name, hit in hits.items()}

    async def oldest_millisecond(self, topics: Collection[str]) -> int:
        """When the oldest record that is still there was written; 0 without any."""
        hits = await self._hits(topics, 0)
        return min((int(hit.timestamp) for hit in hits.values() if hit is not None), default=0)

    async def _hits(self, topics: Collection[str], millisecond: int) -> dict[TopicPartition, Any]:
        places = await self._topics.places(topics)
        async with telling(self._place, "find an instant in its topics"):
            reader = await self._clients.reader()
            found = await reader.offsets_for_times(dict.fromkeys(places, max(millisecond, 0)))
        return {self.name(place): hit for place, hit in found.items()}

    async def borders(self, offsets: Offsets, ends: Offsets) -> Offsets:
        """Each offset moved to where a publish's part begins in its topic: back, or over what is no record."""
        if not offsets:
            return {}
        found = dict(offsets)
        async with telling(self._place, "be read"), self._reading(offsets) as consumer, asyncio.timeout(FIND_SECONDS):
            missing = {self.place(name): name for name in offsets}
            while missing:
                got = await consumer.getmany(*missing, timeout_ms=50)
                for place, name in [*missing.items()]:
                    if records := got.get(place):
                        found[name] = records[0].offset - _index(records[0])
                    elif await consumer.position(place) >= ends[name]:
                        found[name] = ends[name]
                    else:
                        continue
                    del missing[place]
        return found

    @asynccontextmanager
    async def _reading(self, offsets: Offsets) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = await self._clients.start(
            lambda: self._clients.consumer(max_partition_fetch_bytes=_PROBE_BYTES, fetch_max_wait_ms=20)
        )
        try:
            consumer.assign(list(map(self.place, offsets)))
            for name, offset in offsets.items():
                consumer.seek(self.place(name), offset)
            yield consumer
        finally:
            await close(consumer)

    def place(self, name: TopicPartition) -> Place:
        """A partition's name in Kafka."""
        return Place(self._place.topic(name.topic), name.partition)

    def name(self, place: Place) -> TopicPartition:
        """Its name in the log."""
        return TopicPartition(place.topic.removeprefix(self._place.prefix), place.partition)

    def _named(self, offsets: Mapping[Place, int]) -> Offsets:
        return {self.name(place): offset for place, offset in offsets.items()}


def _index(record: ConsumerRecord) -> int:
    return border(record.headers, record.topic, "").index
