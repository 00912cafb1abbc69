"""Copies what a log of one sequence still holds to another log, and translates the offsets of its readers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

import msgspec

from pipeline.model import Topic
from pipeline.ports import BikewireError, Consumed, Log, LogRecord, Offsets, Store, StoredRecord, TopicPartition

TOPICS = tuple(Topic)

JOB = "migrate"
"""The job under which the store keeps how far a copy is: the source's next position, and the target's offsets then."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

Lane = tuple[str, str]
"""A system and a topic: the records of each keep their order in every log."""


class OtherRecords(BikewireError):
    """The target holds something that was not copied to it."""


class _Owner(msgspec.Struct):
    system_id: str


_OWNER = msgspec.json.Decoder(_Owner)


class LogCopy:
    """Publishes the source's records once more, in their order; killed at any moment and run again it goes on.

    Many publishes become one, so a system's publish is never cut. ``name`` is the source's, under which the store keeps
    its position. ``jobs`` are readers of the source and their offsets there: where each is in the target is
    noted in the store as the job `staged`, as soon as the first record that it has not read is the next.
    """

    def __init__(self, source: Log, target: Log, store: Store, name: str, jobs: Mapping[str, Offsets]) -> None:
        self._source, self._target, self._store = source, target, store
        self._place = TopicPartition(name, 0)
        self._jobs = jobs
        self._translated: dict[str, set[str]] = {job: set() for job in jobs}
        self._pending: list[StoredRecord] = []
        self._there: dict[Lane, deque[tuple[str, bytes]]] = {}
        self._position = 0
        self.records = 0

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """Copy all that the source holds now; ``progress`` is told how much of how much is done.

        Raises LogError, StoreError, OtherRecords.
        """
        await self._resume()
        start, end = await self._bounds()
        first, last = min(start.values(), default=0), max(end.values(), default=0)
        async for batch in _records(self._source, start, end):
            for _, publish in groupby(batch, attrgetter("appended_at")):
                await self._take(list(publish))
            await self._flush()
            progress(self._position - first, last - first)
        if any(self._there.values()):
            raise self._other_records()

    async def _resume(self) -> None:
        """Find what is in the target already: what was published and then not noted, and which offsets were."""
        noted = dict(await self._store.offsets(JOB))
        self._position = noted.pop(self._place, 0)
        self._translated = {job: {at.topic for at in await self._store.offsets(staged(job))} for job in self._jobs}
        async for batch in _records(self._target, noted, await self._target.end_offsets(TOPICS)):
            for record in batch:
                self._there.setdefault(_lane(record), deque()).append((record.key, record.value))

    async def _bounds(self) -> tuple[Offsets, Offsets]:
        """From where to where there is something to copy, of the topics that hold such."""
        oldest = await self._source.offsets_at(TOPICS, _EARLIEST)
        ends = await self._source.end_offsets(TOPICS)
        start = {at: max(offset, self._position) for at, offset in oldest.items()}
        start = {at: offset for at, offset in start.items() if offset < ends[at]}
        return start, {at: ends[at] for at in start}

    async def _take(self, publish: Sequence[StoredRecord]) -> None:
        for job, topic in self._next_unread(publish):
            await self._flush()
            await self._note(job, topic)
        self._pending += publish

    def _next_unread(self, publish: Iterable[StoredRecord]) -> list[tuple[str, str]]:
        """The readers that have not read all of the publish, and the topic; once each."""
        return list(
            dict.fromkeys(
                (job, record.topic)
                for record in publish
                for job, offsets in self._jobs.items()
                if record.topic not in self._translated[job] and record.offset >= _next_offset(offsets, record)
            )
        )

    async def _note(self, job: str, topic: str) -> None:
        """Where the target ends now is where the reader has to go on."""
        if any(self._there.values()):
            raise self._other_records()
        await self._store.write({}, Consumed(staged(job), await self._target.end_offsets((topic,))))
        self._translated[job].add(topic)

    async def _flush(self) -> None:
        """Publish what was taken, without what is there already, and note how far this is."""
        if not self._pending:
            return
        by_system: dict[str, list[LogRecord]] = {}
        for record in self._pending:
            if not self._is_there(record):
                by_system.setdefault(_owner(record), []).append(LogRecord(record.topic, record.key, record.value))
        for system_id, records in by_system.items():
            await self._target.publish(system_id, records)
            self.records += len(records)
        self._position = self._pending[-1].offset + 1
        self._pending = []
        await self._target.settle(TOPICS)
        ends = await self._target.end_offsets(TOPICS)
        await self._store.write({}, Consumed(JOB, {self._place: self._position, **ends}))

    def _is_there(self, record: StoredRecord) -> bool:
        lane = self._there.get(_lane(record))
        if not lane:
            return False
        if lane.popleft() != (record.key, record.value):
            raise self._other_records()
        return True

    def _other_records(self) -> OtherRecords:
        return OtherRecords(
            "The target log holds records that were not copied to it: it is in use, or was used before."
        )


def staged(job: str) -> str:
    """The job under which the store keeps another job's translated offsets until all is copied."""
    return f"{JOB} {job}"


async def translated(job: str, offsets: Offsets, target: Log, store: Store) -> Offsets:
    """The job's offsets in the target, when all has been copied; ``offsets`` are those in the source."""
    topics = {at.topic for at in offsets}
    ends = await target.end_offsets(tuple(topics)) if topics else {}
    noted = await store.offsets(staged(job))
    return {**ends, **{at: offset for at, offset in noted.items() if at.topic in topics}}


async def _records(log: Log, start: Offsets, end: Offsets) -> AsyncIterator[Sequence[StoredRecord]]:
    """The records from ``start`` to ``end`` of the topics that ``end`` names; whole publishes at a time."""
    if all(start.get(at, 0) >= offset for at, offset in end.items()):
        return
    topics = tuple(dict.fromkeys(at.topic for at in end))
    async with aclosing(log.subscribe(topics, start)) as batches:
        async for batch in batches:
            yield [record for record in batch.records if record.offset < end[_place(record)]]
            if all(batch.offsets.get(at, 0) >= offset for at, offset in end.items()):
                return


def _next_offset(offsets: Offsets, record: StoredRecord) -> float:
    """The reader's; of a topic that it has never read none is named, and it begins at the oldest record anyhow."""
    return offsets.get(_place(record), float("inf"))


def _place(record: StoredRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _lane(record: StoredRecord) -> Lane:
    return _owner(record), record.topic


def _owner(record: StoredRecord) -> str:
    """The system that the record belongs to; by its key where the value can't be read."""
    try:
        return _OWNER.decode(record.value).system_id
    except msgspec.DecodeError:
        return record.key.partition("/")[0]
