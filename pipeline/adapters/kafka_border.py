"""Where a publish begins and ends among Kafka's records.

Every record carries a header that names its publish, its place in it within the topic, and how many records of
each topic the publish has: so a reader of any topics knows when it has all of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pipeline.ports import LogRecord

HEADER = "publish"


class Border(msgspec.Struct, frozen=True, array_like=True):
    """``index`` counts the record's place within its topic's part of ``publish``; ``records`` counts by topic."""

    publish: str
    index: int
    records: dict[str, int]


_DECODER = msgspec.json.Decoder(Border)
_ENCODER = msgspec.json.Encoder()


def headers(publish: str, records: Sequence[LogRecord]) -> Iterator[tuple[str, bytes]]:
    """For each record the header that goes with it."""
    counts = _ENCODER.encode(Counter(record.topic for record in records))
    start = _ENCODER.encode([publish])[:-1]
    seen: Counter[str] = Counter()
    for record in records:
        yield HEADER, b"%s,%d,%s]" % (start, seen[record.topic], counts)
        seen[record.topic] += 1


def border(found: Sequence[tuple[str, bytes]], topic: str, place: str) -> Border:
    """The border in a record's headers; a record without one, from another program, is a publish of its own."""
    for name, value in found:
        if name == HEADER:
            try:
                return _DECODER.decode(value)
            except msgspec.MsgspecError:
                break
    return Border(place, 0, {topic: 1})


def parts(found: Border, topics: Mapping[str, object]) -> list[str]:
    """Which of the topics hold a part of the publish."""
    return [topic for topic, records in found.records.items() if records and topic in topics]
