"""Where a publish begins and ends among Kafka's records.

Every record carries a header that names its publish, its place in it within the topic, and how many records of
each topic the publish has: so a reader of any topics knows when it has all of one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pipeline.ports import LogRecord, StoredRecord, TopicPartition

HEADER = "publish"


class Border(msgspec.Struct, frozen=True, array_like=True):
    """``index`` counts the record's place within its topic's part of the publish ``id``."""

    id: str
    index: int
    records: dict[str, int]


_DECODER = msgspec.json.Decoder(Border)
_ENCODER = msgspec.json.Encoder()


def headers(publish_id: str, records: Sequence[LogRecord]) -> Iterator[tuple[str, bytes]]:
    """For each record the header that goes with it."""
    counts = dict(Counter(record.topic for record in records))
    seen: Counter[str] = Counter()
    for record in records:
        yield HEADER, _ENCODER.encode(Border(publish_id, seen[record.topic], counts))
        seen[record.topic] += 1


def read_border(found: Sequence[tuple[str, bytes]], place: str) -> Border:
    """The border in a record's headers; a record without one, from another program, is a publish of its own."""
    for name, value in found:
        if name == HEADER:
            try:
                return _DECODER.decode(value)
            except msgspec.MsgspecError:
                break
    return Border(place, 0, {})


class Arrived(NamedTuple):
    """A record and the border that came with it."""

    record: StoredRecord
    border: Border


class Assembly:
    """Records as they arrive, topic by topic, out of which whole publishes are taken in log order."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._waiting: dict[TopicPartition, deque[Arrived]] = {}

    def add(self, arrived: Arrived) -> None:
        place = TopicPartition(arrived.record.topic, arrived.record.partition)
        self._waiting.setdefault(place, deque()).append(arrived)

    def is_waiting(self, place: TopicPartition) -> bool:
        """Whether records of the partition wait for the rest of their publish."""
        return bool(self._waiting.get(place))

    def take(self) -> list[StoredRecord]:
        """The records of every publish that has arrived whole, publish after publish."""
        taken: list[StoredRecord] = []
        while parts := next(self._whole(), None):
            for place, count in parts.items():
                taken += [self._waiting[place].popleft().record for _ in range(count)]
        return taken

    def _whole(self) -> Iterator[Mapping[TopicPartition, int]]:
        for place, waiting in self._waiting.items():
            if waiting and (parts := self._parts(place, waiting[0].border)):
                yield parts

    def _parts(self, place: TopicPartition, border: Border) -> Mapping[TopicPartition, int] | None:
        """Per partition how many records the publish has there; None while some of them are missing."""
        parts = {TopicPartition(topic, place.partition): border.records.get(topic, 0) for topic in self._topics}
        parts = {part: count for part, count in parts.items() if count} or {place: 1}
        return parts if all(self._has(part, count, border) for part, count in parts.items()) else None

    def _has(self, part: TopicPartition, count: int, border: Border) -> bool:
        waiting = self._waiting.get(part) or deque()
        # A reader that starts in the middle of a publish (offsets of another making) gets the rest of it.
        left = count - waiting[0].border.index if waiting else count
        return len(waiting) >= left and bool(waiting) and waiting[0].border.id == border.id
