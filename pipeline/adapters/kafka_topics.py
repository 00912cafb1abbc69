"""Kafka's topics: made as Bikewire needs them, and known by how many partitions they have."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition as Place  # type: ignore[import-untyped]
from aiokafka.admin import NewTopic  # type: ignore[import-untyped]
from aiokafka.errors import LeaderNotAvailableError, for_code  # type: ignore[import-untyped]

from pipeline.adapters.kafka_clients import Clients, telling
from pipeline.adapters.kafka_url import KafkaPlace
from pipeline.ports import LogError

logger = logging.getLogger(__name__)

COMPACTED = frozenset({"system_information", "station_information"})
"""Topics whose newest record of each key is needed for ever; of the others nothing older than the retention."""

REFRESH_SECONDS = 15.0
"""How long a count of partitions is believed: by then a partition that was added is used."""

APPEAR_SECONDS = 10.0

_DAY_MILLISECONDS = 86_400_000
_EXISTS = 36
_TOO_FEW_BROKERS = 38


class Topics:
    """The topics of one log, under their names in the log (without the prefix that they have in Kafka)."""

    def __init__(self, place: KafkaPlace, clients: Clients) -> None:
        self._place = place
        self._clients = clients
        self._counts: dict[str, int] = {}
        self._counted_at = 0.0
        self._is_told: set[str] = set()

    async def create(self, topics: Sequence[str]) -> None:
        """Make those that are missing; a topic that is there stays as it is. Raises LogError."""
        async with telling(self._place, "make the topics"):
            known = await self._found(topics)
            missing = [topic for topic in topics if topic not in known]
            if missing:
                await self._create(missing)
                await self._appear(topics)
        self._tell(known)

    async def _appear(self, topics: Sequence[str]) -> None:
        """A topic that was just made is not at once known to every broker."""
        deadline = time.monotonic() + APPEAR_SECONDS
        while not (await self._found(topics)).keys() >= set(topics):
            if time.monotonic() > deadline:
                msg = f"Kafka at {self._place.bootstrap} has made the topics, but does not list them."
                raise LogError(msg)
            await asyncio.sleep(0.02)

    async def _create(self, topics: Sequence[str]) -> None:
        admin = await self._clients.admin()
        wanted = [
            NewTopic(
                name=self._place.topic(topic),
                num_partitions=self._place.partitions,
                replication_factor=self._place.replication,
                topic_configs=configuration(topic, self._place),
            )
            for topic in topics
        ]
        deadline = time.monotonic() + APPEAR_SECONDS
        answer = await admin.create_topics(wanted)
        while _lacks_brokers(answer) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            answer = await admin.create_topics(wanted)
        for name, code, *message in answer.topic_errors:
            if code not in (0, _EXISTS):
                text = (message and message[0]) or for_code(code).__name__
                msg = f"Kafka at {self._place.bootstrap} refuses to make the topic {name!r}: {text}"
                raise LogError(msg)

    def _tell(self, known: Mapping[str, int]) -> None:
        for topic, count in known.items():
            if count < self._place.partitions and topic not in self._is_told:
                self._is_told.add(topic)
                logger.warning(
                    "kafka: the topic %r has %d partitions, BIKEWIRE_LOG asks for %d; add some with kafka-topics.sh",
                    self._place.topic(topic),
                    count,
                    self._place.partitions,
                )

    async def counts(self, topics: Collection[str], *, fresh: bool = False) -> Mapping[str, int]:
        """How many partitions each of the topics has. Raises LogError, which names those that are not there."""
        is_old = time.monotonic() - self._counted_at > REFRESH_SECONDS
        if fresh or is_old or not self._counts.keys() >= set(topics):
            async with telling(self._place, "list the topics"):
                self._counts = await self._led({*topics, *self._counts})
            self._counted_at = time.monotonic()
        missing = [topic for topic in topics if topic not in self._counts]
        if missing:
            names = ", ".join(repr(self._place.topic(topic)) for topic in sorted(missing))
            msg = f"Kafka at {self._place.bootstrap} has no topic {names}; Bikewire makes its topics when it starts."
            raise LogError(msg)
        return {topic: self._counts[topic] for topic in topics}

    async def _led(self, topics: Collection[str]) -> dict[str, int]:
        """Those that are there; waits for their leaders, which they lack for a moment when a broker comes back."""
        deadline = time.monotonic() + APPEAR_SECONDS
        while leaderless := _leaderless(described := await self._described(topics)):
            if time.monotonic() > deadline:
                msg = f"Kafka at {self._place.bootstrap} has no leader for {', '.join(map(repr, leaderless))}."
                raise LogError(msg)
            await asyncio.sleep(0.1)
        return _usable(described)

    async def _found(self, topics: Collection[str]) -> dict[str, int]:
        return _usable(await self._described(topics))

    async def _described(self, topics: Collection[str]) -> dict[str, Any]:
        # All are listed: to ask for one by name makes a broker create it, unless that is switched off there.
        admin = await self._clients.admin()
        names = {self._place.topic(topic): topic for topic in topics}
        return {names[found["topic"]]: found for found in await admin.describe_topics() if found["topic"] in names}

    async def places(self, topics: Collection[str], *, fresh: bool = False) -> list[Place]:
        """Every partition of the topics, by its name in Kafka. Raises LogError."""
        counts = await self.counts(topics, fresh=fresh)
        return [Place(self._place.topic(topic), number) for topic, count in counts.items() for number in range(count)]


def _usable(described: Mapping[str, Any]) -> dict[str, int]:
    """How many partitions each of the topics has of which nothing is wrong."""
    return {
        topic: len(found["partitions"])
        for topic, found in described.items()
        if found["error_code"] == 0 and all(part["error_code"] == 0 for part in found["partitions"])
    }


def _leaderless(described: Mapping[str, Any]) -> list[str]:
    """The names in Kafka of the topics with a partition that has no leader."""
    missing = LeaderNotAvailableError.errno
    return sorted(
        found["topic"]
        for found in described.values()
        if any(part["error_code"] == missing for part in found["partitions"])
    )


def _lacks_brokers(answer: Any) -> bool:
    """Whether there are not as many brokers as copies are wanted: some may be starting."""
    return any(code == _TOO_FEW_BROKERS for _, code, *_ in answer.topic_errors)


def configuration(topic: str, place: KafkaPlace) -> dict[str, str]:
    """A topic's configuration, where it is not Kafka's default."""
    retention = round(place.retention_days * _DAY_MILLISECONDS)
    settings = {
        # The log's clock is the brokers': publishers' clocks may differ.
        "message.timestamp.type": "LogAppendTime",
        # Whole segments are deleted or compacted, the newest one never.
        "segment.ms": str(min(_DAY_MILLISECONDS, max(retention // 4, 1000))),
        # With three copies, two of them have a record before it is acknowledged.
        "min.insync.replicas": str(max(1, place.replication - 1)),
    }
    if topic in COMPACTED:
        # Who reads within the retention gets every record, who starts later the newest of each key.
        return settings | {"cleanup.policy": "compact", "min.compaction.lag.ms": str(retention)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(retention)}
