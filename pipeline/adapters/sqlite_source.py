"""The SQLite log as a data source of Spark, with the columns of Spark's Kafka source.

Spark runs this in processes of its own: the log is opened there, read and closed again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import (
    ReadLimit,
    ReadMaxRows,
    SupportsTriggerAvailableNow,
)
from pyspark.sql.types import StructType

from pipeline.adapters import sqlite_records
from pipeline.adapters.sqlite import connect
from pipeline.adapters.sqlite_records import Range, Step, StoredRow

FORMAT = "bikewire_sqlite_log"

SCHEMA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
_ARROW_COLUMNS: dict[str, pa.DataType] = {
    "key": pa.binary(),
    "value": pa.binary(),
    "topic": pa.string(),
    "partition": pa.int32(),
    "offset": pa.int64(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestampType": pa.int32(),
}
_LOG_APPEND_TIME = 1  # Kafka's number for "the log's own clock"

SLICE_RECORDS = 20_000
"""Up to how many records one task reads; starting a second one costs more than it saves below that."""

_ARROW_RECORDS = 10_000


class Slice(InputPartition):
    """The part of a micro-batch or of a frame that one task reads."""

    def __init__(self, within: Range) -> None:
        super().__init__(tuple(within))
        self.within = within


class LogReader:
    """What streams and frames share: the log's file, and the wanted offsets of each topic."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._path = Path(options["path"])
        self._tasks = int(options["tasks"])
        self._step = int(options["step"])
        self._partition_key = options.get("partition_key")
        self._ranges = {topic: Range(*bounds) for topic, bounds in json.loads(options["ranges"]).items()}

    def _slices(self, within: Range) -> list[Slice]:
        with closing(connect(self._path)) as connection:
            wanted = self._wanted(connection)
            steps = list(sqlite_records.plan(connection, wanted, within, SLICE_RECORDS, self._partition_key))
        # One slice for each task that runs at once, and one only where that is enough. There must be one.
        slices = [Slice(Range(part[0].start, part[-1].end)) for part in _split(steps, self._tasks)]
        return slices or [Slice(Range(within.start, within.start))]

    def _wanted(self, connection: sqlite3.Connection) -> dict[int, Range]:
        ids = sqlite_records.topic_ids(connection, list(self._ranges))
        return {ids[topic]: bounds for topic, bounds in self._ranges.items()}

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The slice's records in log order."""
        assert isinstance(partition, Slice)
        with closing(connect(self._path)) as connection:
            names = {
                number: topic for topic, number in sqlite_records.topic_ids(connection, list(self._ranges)).items()
            }
            wanted = self._wanted(connection)
            cursor = sqlite_records.rows(connection, wanted, partition.within, self._partition_key)
            while rows := cursor.fetchmany(_ARROW_RECORDS):
                yield _arrow(rows, names)


class FrameReader(LogReader, DataSourceReader):
    """A range of offsets, once."""

    def partitions(self) -> Sequence[InputPartition]:
        start = min(bounds.start for bounds in self._ranges.values())
        end = max(bounds.end for bounds in self._ranges.values())
        return self._slices(Range(start, end))


class StreamReader(LogReader, DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Whole publishes, in steps of about so many records; a larger publish comes whole."""

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._last: int | None = None

    def prepareForTriggerAvailableNow(self) -> None:
        self._last = self._end()

    def getDefaultReadLimit(self) -> ReadLimit:
        return ReadMaxRows(self._step)

    def initialOffset(self) -> dict[str, int]:
        return {"offset": min(bounds.start for bounds in self._ranges.values())}

    def latestOffset(self, start: dict[str, int], limit: ReadLimit) -> dict[str, int]:
        records = limit.max_rows if isinstance(limit, ReadMaxRows) else self._step
        with closing(connect(self._path)) as connection:
            end = sqlite_records.end_offset(connection) if self._last is None else self._last
            within = Range(start["offset"], end)
            step = next(sqlite_records.plan(connection, self._wanted(connection), within, records), None)
        return {"offset": step.end} if step else start

    def reportLatestOffset(self) -> dict[str, int]:
        return {"offset": self._end()}

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> Sequence[InputPartition]:
        return self._slices(Range(start["offset"], end["offset"]))

    def _end(self) -> int:
        with closing(connect(self._path)) as connection:
            return sqlite_records.end_offset(connection)


class SqliteLogSource(DataSource):
    """Options: path; ranges, JSON of topic to [start, end]; tasks, how many run at once; step, records at a time; and
    of a frame partition_key, whose records are wanted (default: everybody's)."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> str:
        return SCHEMA

    def reader(self, schema: StructType) -> DataSourceReader:
        return FrameReader(self.options)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:
        return StreamReader(self.options)


def _split(steps: Sequence[Step], parts: int) -> list[Sequence[Step]]:
    parts = min(parts, len(steps))
    edges = [len(steps) * number // parts for number in range(parts + 1)] if parts else []
    return [steps[first:last] for first, last in pairwise(edges)]


def _arrow(rows: Sequence[StoredRow], names: Mapping[int, str]) -> pa.RecordBatch:
    offsets, topics, keys, values, appended_at = zip(*rows, strict=True)
    count = len(rows)
    columns: list[Any] = [
        pa.array(keys, pa.string()).cast(pa.binary()),
        pa.array(values, pa.binary()),
        pa.array([names[topic] for topic in topics], pa.string()),
        pa.repeat(pa.scalar(0, pa.int32()), count),
        pa.array(offsets, pa.int64()),
        pa.array(appended_at, pa.int64()).cast(pa.timestamp("us", "UTC")),
        pa.repeat(pa.scalar(_LOG_APPEND_TIME, pa.int32()), count),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(_ARROW_COLUMNS))
