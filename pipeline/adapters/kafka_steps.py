"""A backlog cut into steps at instants, so that a step holds the polls of one stretch of time in every topic."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from pipeline.adapters.kafka_offsets import KafkaOffsets
from pipeline.ports import Offsets

STEP_RECORDS = 100_000
"""About how many records a step holds, at most; what was appended within one millisecond is never cut."""


async def steps(offsets: KafkaOffsets, topics: Collection[str], start: Offsets) -> Sequence[Offsets]:
    """The cuts between ``start`` and the end, as `pipeline.ports.Log.steps` promises. Raises LogError."""
    end = await offsets.end(topics)
    first = await offsets.first(topics)
    begin = {name: min(max(start.get(name, 0), first[name]), stop) for name, stop in end.items()}
    lower, upper = await offsets.oldest_millisecond(topics), _milliseconds(datetime.now(UTC)) + 1
    cuts: list[Offsets] = []
    while _count(begin, end) > STEP_RECORDS and lower < upper:
        lower = await _cut(offsets, topics, begin, (lower, upper))
        found = await offsets.at_millisecond(topics, lower, end)
        begin = {name: max(begin[name], found[name]) for name in begin}
        if begin == end:
            break
        cuts.append(begin)
    return cuts


async def _cut(offsets: KafkaOffsets, topics: Collection[str], begin: Offsets, within: tuple[int, int]) -> int:
    """The millisecond before which there is about one step of records, or the first one before which there is more."""
    lower, upper = within
    while upper - lower > 1:
        middle = (lower + upper) // 2
        count = _count(begin, await offsets.times(topics, middle))
        if STEP_RECORDS // 2 <= count <= STEP_RECORDS:
            return middle
        lower, upper = (lower, middle) if count > STEP_RECORDS else (middle, upper)
    return upper


def _count(start: Offsets, end: Offsets) -> int:
    return sum(max(end[name] - offset, 0) for name, offset in start.items())


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
