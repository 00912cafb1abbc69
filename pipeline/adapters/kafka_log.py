"""The log on Kafka: one transaction per publish, readers of committed records only."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.adapters import kafka_steps
from pipeline.adapters.kafka_clients import Clients
from pipeline.adapters.kafka_offsets import KafkaOffsets
from pipeline.adapters.kafka_publisher import KafkaPublisher
from pipeline.adapters.kafka_subscription import Subscription
from pipeline.adapters.kafka_topics import Topics
from pipeline.adapters.kafka_url import read_place
from pipeline.ports import Log, LogBatch, LogError, LogRecord, Offsets

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""How long it is believed where topics begin; what the retention deletes within it is told by Spark."""

Answer = TypeVar("Answer")


class KafkaLog(Log):
    """A log in a Kafka cluster, for any number of processes on any number of machines.

    A partition key's records lie in the partition of the same number in every topic. Publishers whose keys share a
    partition should be one process (see `KafkaPublisher` for roles): the parts of their publishes would else lie
    among each other, and readers wait for both. Topics younger than others, or with fewer partitions, are no trouble.
    """

    streams_whole_publishes = False
    # A commit marker.
    trailing_offsets = 1

    def __init__(self, place: str, publisher: str | None = None) -> None:
        self._place = read_place(place)
        self._clients = Clients(self._place)
        self._topics = Topics(self._place, self._clients)
        self._offsets = KafkaOffsets(self._place, self._clients, self._topics)
        self._firsts: dict[frozenset[str], tuple[float, Offsets]] = {}
        self._publisher = KafkaPublisher(self._place, self._clients, self._topics, publisher)

    async def create(self, topics: Sequence[str]) -> None:
        """Waits for a broker for a minute. What is there keeps its partitions and its configuration."""
        await self._topics.create(topics)

    async def publish(self, partition_key: str, records: Sequence[LogRecord]) -> None:
        """Raises PublisherFenced when another process has taken over this one's role, LogError when no broker took
        the records within `kafka_publisher.PUBLISH_SECONDS`: they may then appear later, and it says so."""
        if records:
            await self._publisher.publish(partition_key, records)

    async def settle(self, topics: Sequence[str]) -> None:
        """Kafka says that a transaction is committed some milliseconds before readers are given it."""
        await self._publisher.claim()
        await self._offsets.settle(topics)

    async def subscribe(self, topics: Sequence[str], offsets: Offsets) -> AsyncGenerator[LogBatch, None]:
        """Goes on by itself after an outage of the brokers, and takes partitions that are added.

        A batch without records says that the log's end was reached: Kafka's offsets count what is no record too.
        """
        subscription = Subscription(self._clients, self._topics, self._offsets, topics)
        try:
            await subscription.start(offsets)
            async for batch in subscription.batches(offsets):
                yield batch
        finally:
            await subscription.close()

    async def end_offsets(self, topics: Sequence[str]) -> Offsets:
        return await self._offsets.end(topics)

    async def offsets_at(self, topics: Sequence[str], instant: datetime) -> Offsets:
        """Within each topic never between two records of one publish."""
        return await self._offsets.at(topics, instant)

    async def steps(self, topics: Sequence[str], offsets: Offsets) -> Sequence[Offsets]:
        return await kafka_steps.steps(self._offsets, topics, offsets)

    def stream(self, spark: SparkSession, topics: Sequence[str], offsets: Offsets) -> DataFrame:
        """Micro-batches are not bounded: `steps` says how to take a backlog first."""
        from pipeline.adapters import kafka_source

        first, end = self._bounds(topics)
        return kafka_source.stream(spark, self._place, _clamped(offsets, first, end))

    def frame(
        self,
        spark: SparkSession,
        topics: Sequence[str],
        start: Offsets,
        end: Offsets,
        *,
        partition_key: str | None = None,
    ) -> DataFrame:
        """Holds nothing of a partition that ``end`` does not name, and everybody's records: a key's older ones are in
        another partition where partitions were added."""
        from pipeline.adapters import kafka_source

        wanted = {name: offset for name, offset in end.items() if name.topic in topics}
        missing = set(topics) - {name.topic for name in wanted}
        if missing:
            msg = f"Kafka at {self._place.bootstrap}: no end was given for the records of {', '.join(sorted(missing))}."
            raise LogError(msg)
        first = self._first(frozenset(topics))
        begin = _clamped({name: start.get(name, 0) for name in wanted}, first, wanted)
        return kafka_source.frame(spark, self._place, begin, {name: max(wanted[name], begin[name]) for name in wanted})

    def _first(self, topics: frozenset[str]) -> Offsets:
        """Where the topics begin, as asked a moment ago: a backlog comes in many frames."""
        asked_at, first = self._firsts.get(topics, (-math.inf, {}))
        if time.monotonic() - asked_at > FRESH_SECONDS:
            first = self._apart(lambda offsets: offsets.first(topics))
            self._firsts[topics] = time.monotonic(), first
        return first

    def _bounds(self, topics: Sequence[str]) -> tuple[Offsets, Offsets]:
        async def ask(offsets: KafkaOffsets) -> tuple[Offsets, Offsets]:
            return await offsets.first(topics), await offsets.end(topics)

        return self._apart(ask)

    def _apart(self, ask: Callable[[KafkaOffsets], Coroutine[Any, Any, Answer]]) -> Answer:
        """Ask the brokers from a thread of Spark's, which has no event loop (or another one than our clients)."""

        async def run() -> Answer:
            clients = Clients(self._place)
            try:
                return await ask(KafkaOffsets(self._place, clients, Topics(self._place, clients)))
            finally:
                await clients.close()

        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(asyncio.run(run()))
            except BaseException as error:  # to be raised where it was asked
                answer.set_exception(error)

        thread = threading.Thread(target=work, name="kafka-offsets", daemon=True)
        thread.start()
        return answer.result()

    async def retire(self, before: datetime, consumed: Offsets) -> int:
        """Deletes nothing and returns 0: Kafka deletes by itself what is older than the topic's retention.

        That is the ``retention_days`` of the URL with which the topics were made, whether consumed or not.
        """
        return 0

    async def close(self) -> None:
        await self._publisher.close()
        await self._clients.close()


def _clamped(offsets: Offsets, first: Offsets, end: Offsets) -> Offsets:
    """Where to begin in each partition that ``end`` names: not before its oldest record, and not behind its end."""
    begin = {}
    for name, offset in end.items():
        oldest = first.get(name, 0)
        wanted = offsets.get(name, oldest)
        # One offset less may be a commit marker, that nobody reads.
        if wanted < oldest - 1 and wanted:
            logger.warning(
                "kafka: %s/%d from offset %d to %d was deleted; what was not read of it is lost here",
                name.topic,
                name.partition,
                wanted,
                oldest,
            )
        begin[name] = min(max(wanted, oldest), offset)
    return begin
