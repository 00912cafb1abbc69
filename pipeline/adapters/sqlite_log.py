"""The log as an SQLite file: one transaction per publish, readers woken by other processes' commits."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.adapters import sqlite_records
from pipeline.adapters.commit_watch import CommitWatch
from pipeline.adapters.sqlite import Threads, connect, from_micros, is_full, make, sentence, to_micros, transaction
from pipeline.adapters.sqlite_records import Range, StoredRow
from pipeline.ports import (
    STEP_SETTING,
    Log,
    LogBatch,
    LogError,
    LogFull,
    LogRecord,
    Offsets,
    StoredRecord,
    TopicPartition,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BATCH_RECORDS = 5_000
"""About how many records a batch of `subscribe` holds; a larger publish comes whole."""

RETIRE_PUBLISHES = 50
"""How many publishes one transaction of `retire` deletes, so that publishers get their turn in between."""


class Wanted(NamedTuple):
    """What a reader asks for, by topic id."""

    names: Mapping[int, str]
    ranges: Mapping[int, Range]

    def offsets(self, position: int) -> Offsets:
        """The offsets to go on from when everything before ``position`` has been read."""
        return {TopicPartition(name, 0): max(position, self.ranges[topic].start) for topic, name in self.names.items()}


class SqliteLog(Log):
    """A log in one SQLite file (WAL), for any number of processes on one machine.

    Partition 0 is the only one, and one sequence of offsets runs over all topics. A publish is flushed to the
    disk before `publish` returns, so it outlives a power cut too.
    """

    has_one_sequence = True

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._writer = Threads(self._path, 1, "FULL", self._failed)
        self._reader = Threads(self._path, 1, "NORMAL", self._failed)
        self._watch = CommitWatch(self._path, self._failed)

    async def create(self, topics: Sequence[str]) -> None:
        def build() -> None:
            make(self._path, lambda connection: sqlite_records.build(connection, topics), "FULL")

        await self._writer.run_alone(build)

    async def publish(self, partition_key: str, records: Sequence[LogRecord]) -> None:
        """There is one partition for all, in the order of the publishes."""
        if records:
            await self._writer.run(_publish, partition_key, records)

    async def settle(self, topics: Sequence[str]) -> None:
        """Has nothing to wait for: a transaction that is over is there, and it ends with its process."""

    async def subscribe(self, topics: Sequence[str], offsets: Offsets) -> AsyncGenerator[LogBatch, None]:
        reader = Threads(self._path, 1, "NORMAL", self._failed)
        try:
            wanted = await reader.run(_wanted, topics, offsets, _endless(topics))
            async with self._watch.watching() as watch, aclosing(_follow(reader, watch, wanted)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            await reader.close()

    async def end_offsets(self, topics: Sequence[str]) -> Offsets:
        return _offsets(await self._reader.run(sqlite_records.end_offsets, topics))

    async def offsets_at(self, topics: Sequence[str], instant: datetime) -> Offsets:
        return _offsets(await self._reader.run(sqlite_records.offsets_at, topics, to_micros(instant)))

    def stream(self, spark: SparkSession, topics: Sequence[str], offsets: Offsets) -> DataFrame:
        ranges = self._ranges(topics, offsets, _endless(topics))
        return spark.readStream.format(_source(spark)).options(**self._options(spark, ranges)).load()

    def frame(
        self,
        spark: SparkSession,
        topics: Sequence[str],
        start: Offsets,
        end: Offsets,
        *,
        partition_key: str | None = None,
    ) -> DataFrame:
        options = self._options(spark, self._ranges(topics, start, end))
        if partition_key is not None:
            options["partition_key"] = partition_key
        return spark.read.format(_source(spark)).options(**options).load()

    def _ranges(self, topics: Sequence[str], start: Offsets, end: Offsets) -> dict[str, Range]:
        """Raises LogError here, rather than let Spark fail later."""
        missing = [partition.topic for partition in _partitions(topics) if partition not in end]
        if missing:
            msg = f"{self._path}: no end was given for the records of {', '.join(missing)}."
            raise LogError(msg)
        try:
            with closing(connect(self._path)) as connection:
                wanted = _wanted(connection, topics, start, end)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return {wanted.names[topic]: bounds for topic, bounds in wanted.ranges.items()}

    def _options(self, spark: SparkSession, ranges: Mapping[str, Range]) -> dict[str, str]:
        return {
            "path": str(self._path.absolute()),
            "ranges": json.dumps(ranges),
            "tasks": str(spark.sparkContext.defaultParallelism),
            "step": str(spark.conf.get(STEP_SETTING)),
        }

    async def retire(self, before: datetime, consumed: Offsets) -> int:
        """A topic that ``consumed`` does not name counts as not consumed, and keeps the publishes it is in."""
        total = 0
        while True:
            publishes, records = await self._writer.run(_retire, to_micros(before), consumed)
            total += records
            if publishes < RETIRE_PUBLISHES:
                return total

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()

    def _failed(self, error: Exception) -> LogError:
        return (LogFull if is_full(error) else LogError)(sentence(self._path, "log", error))


def _source(spark: SparkSession) -> str:
    """The name of the data source, registered with the session."""
    # Only those who work with Spark pay for its import.
    from pipeline.adapters.sqlite_source import SqliteLogSource

    spark.dataSource.register(SqliteLogSource)
    return SqliteLogSource.name()


def _partitions(topics: Sequence[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, 0) for topic in topics]


def _offsets(by_topic: Mapping[str, int]) -> Offsets:
    return {TopicPartition(topic, 0): offset for topic, offset in by_topic.items()}


def _endless(topics: Sequence[str]) -> Offsets:
    return dict.fromkeys(_partitions(topics), sys.maxsize)


def _publish(connection: sqlite3.Connection, partition_key: str, records: Sequence[LogRecord]) -> None:
    with transaction(connection):
        sqlite_records.append(connection, partition_key, records, to_micros(datetime.now(UTC)))


def _retire(connection: sqlite3.Connection, before: int, consumed: Offsets) -> tuple[int, int]:
    with transaction(connection):
        known: dict[str, int] = dict(connection.execute("SELECT name, id FROM topic"))
        by_id = {known[topic]: offset for (topic, _), offset in consumed.items() if topic in known}
        return sqlite_records.retire(connection, before, by_id, RETIRE_PUBLISHES)


def _wanted(connection: sqlite3.Connection, topics: Sequence[str], start: Offsets, end: Offsets) -> Wanted:
    ids = sqlite_records.topic_ids(connection, topics)
    sqlite_records.check_offsets(connection, start)
    bounds = {partition.topic: Range(start.get(partition, 0), end[partition]) for partition in _partitions(topics)}
    return Wanted({ids[topic]: topic for topic in topics}, {ids[topic]: bounds[topic] for topic in topics})


async def _follow(reader: Threads, watch: CommitWatch, wanted: Wanted) -> AsyncGenerator[LogBatch, None]:
    position = 0
    while True:
        # Taken before the read: a commit during the read is then seen by the wait.
        changed = watch.changed
        records, position = await reader.run(_next, wanted, position)
        if records:
            yield LogBatch(records, wanted.offsets(position))
        else:
            await watch.wait(changed)


def _next(connection: sqlite3.Connection, wanted: Wanted, position: int) -> tuple[list[StoredRecord], int]:
    """The next batch and the position after it; without records, how far there are none."""
    end = sqlite_records.end_offset(connection)
    for step in sqlite_records.plan(connection, wanted.ranges, Range(position, end), BATCH_RECORDS):
        rows = sqlite_records.rows(connection, wanted.ranges, Range(step.start, step.end))
        return [_stored(row, wanted) for row in rows], step.end
    return [], end


def _stored(row: StoredRow, wanted: Wanted) -> StoredRecord:
    offset, topic, key, value, appended_at = row
    return StoredRecord(wanted.names[topic], 0, offset, key, value, from_micros(appended_at))
