"""Whole publishes out of the records of one partition number, as they arrive topic by topic."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from pipeline.adapters.kafka_border import Border, parts
from pipeline.ports import StoredRecord

SLACK = timedelta(minutes=2)
"""The parts of one publish are appended much closer to each other than this, by the clocks of all brokers."""


class Arrived(NamedTuple):
    """A record and the border that came with it."""

    record: StoredRecord
    border: Border


class _Publish:
    """What is known of a publish of which records wait: ``missing`` names the topics whose last record has not come."""

    def __init__(self, arrived: Arrived, topics: Mapping[str, object]) -> None:
        self.appended_at = arrived.record.appended_at
        self.parts = parts(arrived.border, topics)
        self.missing = set(self.parts)

    def note(self, arrived: Arrived) -> None:
        topic = arrived.record.topic
        # The records of a part come in their order: the last one says that no more will come.
        if arrived.border.index + 1 >= arrived.border.records.get(topic, 1):
            self.missing.discard(topic)


class Assembly:
    """Takes records in the order of each topic, gives them back publish by publish.

    A part of a publish may never come: a reader may start behind it, and Kafka's retention and compaction take topics
    one by one. ``exhaust`` says that all of a topic has been read, so that nothing waits for what is not there.
    """

    def __init__(self, topics: Sequence[str]) -> None:
        self._lanes: dict[str, deque[Arrived]] = {topic: deque() for topic in topics}
        self._publishes: dict[str, _Publish] = {}
        # What was appended to a topic before this, and SLACK, has come if it ever comes.
        self._horizons: dict[str, datetime] = {}

    def add(self, topic: str, records: Sequence[Arrived]) -> None:
        """The next records of a topic."""
        for arrived in records:
            found = self._publishes.get(arrived.border.publish)
            if found is None:
                found = self._publishes[arrived.border.publish] = _Publish(arrived, self._lanes)
            found.note(arrived)
        self._lanes[topic].extend(records)
        if records:
            self._see(topic, records[-1].record.appended_at)

    def exhaust(self, topic: str, now: datetime) -> None:
        """No record of the publishes known so far is still to come in the topic."""
        for found in self._publishes.values():
            found.missing.discard(topic)
        self._see(topic, now)

    def _see(self, topic: str, instant: datetime) -> None:
        self._horizons[topic] = max(instant, self._horizons.get(topic, instant))

    @property
    def waiting(self) -> int:
        """How many records wait for the rest of their publish."""
        return sum(map(len, self._lanes.values()))

    @property
    def missing(self) -> set[str]:
        """The topics in which the publishes that wait miss something."""
        return set(chain.from_iterable(found.missing for found in self._publishes.values()))

    def first_offset(self, topic: str) -> int | None:
        """The offset of the oldest record that waits."""
        lane = self._lanes[topic]
        return lane[0].record.offset if lane else None

    def take(self) -> list[StoredRecord]:
        """The records of the publishes that have come whole, publish after publish."""
        ready = self._cut(self._blocked())
        taken: list[StoredRecord] = []
        for found in _in_order(ready):
            taken += found
        for publish in {arrived.border.publish for lane in ready.values() for arrived in lane}:
            del self._publishes[publish]
        return taken

    def _blocked(self) -> set[str]:
        """The publishes that are not whole, and those that lie behind one of them in some topic."""
        blocked = {publish for publish, found in self._publishes.items() if self._is_open(found)}
        size = -1
        while size < len(blocked):
            size = len(blocked)
            for lane in self._lanes.values():
                publishes = (arrived.border.publish for arrived in lane)
                is_behind = False
                for publish in publishes if blocked else ():
                    is_behind = is_behind or publish in blocked
                    if is_behind:
                        blocked.add(publish)
        return blocked

    def _is_open(self, found: _Publish) -> bool:
        return any(self._horizons.get(topic, found.appended_at) < found.appended_at + SLACK for topic in found.missing)

    def _cut(self, blocked: Collection[str]) -> dict[str, list[Arrived]]:
        ready: dict[str, list[Arrived]] = {topic: [] for topic in self._lanes}
        for topic, lane in self._lanes.items():
            while lane and lane[0].border.publish not in blocked:
                ready[topic].append(lane.popleft())
        return ready


def _in_order(ready: Mapping[str, Sequence[Arrived]]) -> Iterator[list[StoredRecord]]:
    """The publishes' records, in an order that is the order of every topic."""
    records: dict[str, dict[str, list[StoredRecord]]] = {}
    counts: dict[str, Mapping[str, int]] = {}
    for topic, lane in ready.items():
        for arrived in lane:
            counts[arrived.border.publish] = arrived.border.records
            records.setdefault(arrived.border.publish, {}).setdefault(topic, []).append(arrived.record)
    lanes = {topic: deque(dict.fromkeys(arrived.border.publish for arrived in lane)) for topic, lane in ready.items()}
    while publish := _next(lanes, records):
        for topic in records[publish]:
            lanes[topic].remove(publish)
        yield list(chain.from_iterable(records[publish].get(topic, ()) for topic in counts[publish]))


def _next(lanes: Mapping[str, deque[str]], records: Mapping[str, Mapping[str, Sequence[StoredRecord]]]) -> str | None:
    """A publish that is the first in all of its topics; where publishers' records cross each other, any first one."""
    firsts = [lane[0] for lane in lanes.values() if lane]
    for publish in firsts:
        if all(lanes[topic][0] == publish for topic in records[publish]):
            return publish
    return firsts[0] if firsts else None
