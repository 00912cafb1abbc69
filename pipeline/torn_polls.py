"""Polls that came to the stream in parts, kept in mind until the rest of them is there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from pipeline.decode import decoded
from pipeline.model import Topic
from pipeline.ports import Log, Offsets, TopicPartition
from pipeline.results import Poll, Results

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PATIENCE_SECONDS = 60.0
"""A poll of which something has been missing for so long is taken as it is: what is missing was never published."""


class TornPolls:
    """An engine may give the topics of one publish to Spark one after the other, some milliseconds apart.

    The totals of such a poll wait: with the micro-batch that brings the rest, its first part is read once more. Until
    then the stream's offsets in the store stay before it, so that nothing is lost when the process is killed.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._since: dict[Poll, float] = {}
        self._starts: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def clear(self) -> None:
        self._since, self._starts, self._ends = {}, {}, {}

    def first_parts(self, spark: SparkSession, topics: Sequence[Topic]) -> DataFrame:
        """What was there of the polls that wait, as rows of `pipeline.decode.decoded`."""
        frame = self._log.frame(spark, sorted({place.topic for place in self._starts}), self._starts, self._ends)
        polls = ", ".join(f"('{_quoted(system)}', TIMESTAMP '{at.astimezone(UTC)}')" for system, at in self._since)
        return decoded(frame, tuple(topics)).where(f"(system_id, polled_at) IN ({polls})")

    def hold(self, results: Results) -> Results:
        """The results without the totals that have to wait, and with the offsets to store in the meantime."""
        now = time.monotonic()
        torn = {
            poll: parts for poll, parts in results.torn.items() if now - self._since.get(poll, now) < PATIENCE_SECONDS
        }
        ends = self._furthest(results.offsets)
        self._since = {poll: self._since.get(poll, now) for poll in torn}
        self._starts = _firsts(torn.values())
        self._ends = {place: ends.get(place, self._ends.get(place, 0)) for place in self._starts}
        offsets = {place: min(end, self._starts.get(place, end)) for place, end in ends.items()}
        return results.without(torn)._replace(offsets=offsets)

    def release(self, results: Results) -> Results:
        """The results of `first_parts` as they are; nothing waits any more."""
        ends = self._furthest(results.offsets)
        self.clear()
        return results._replace(offsets=ends)

    def _furthest(self, offsets: Offsets) -> dict[TopicPartition, int]:
        """What was read once more may end before what had been read already."""
        return {place: max(end, self._ends.get(place, 0)) for place, end in offsets.items()}


def _firsts(parts: Iterable[Offsets]) -> dict[TopicPartition, int]:
    firsts: dict[TopicPartition, int] = {}
    for offsets in parts:
        for place, offset in offsets.items():
            firsts[place] = min(offset, firsts.get(place, offset))
    return firsts


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
