"""The two seams: Log and Store. Everything between them is the same code on every engine.

An adapter lives in `pipeline/adapters`, is chosen by the scheme of a URL in `pipeline/wiring.py`, and passes
the contract tests (`tests/test_log_contract*.py`, `tests/test_store_contract*.py`) against its real engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from pipeline.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class BikewireError(Exception):
    """An expected failure; its text is one sentence for the person who runs Bikewire.

    ``exit_code`` is what a command that fails with it returns.
    """

    exit_code = 1


class LogError(BikewireError):
    """The log could not do what was asked; nothing of it has happened."""


class LogFull(LogError):
    """The log has no room for a publish; it can be tried again when there is room."""


class PublisherFenced(LogError):
    """Another process publishes in this one's place: this one has to end, and is not to be started again."""

    exit_code = 2


class StoreError(BikewireError):
    """The store could not do what was asked; writing the same rows again is safe."""


class TopicPartition(NamedTuple):
    """One ordered part of a topic."""

    topic: str
    partition: int


STEP_SETTING = "spark.bikewire.stepRecords"
"""The Spark setting that says about how many records a micro-batch of a backlog holds."""

Offsets = Mapping[TopicPartition, int]
"""The next offset to read of each partition: everything below it has been consumed."""


class LogRecord(NamedTuple):
    """A record to publish: ``key`` is unique for the entity within its topic, ``value`` is flat JSON."""

    topic: str
    key: str
    value: bytes


class StoredRecord(NamedTuple):
    """A record in the log, where it lies and when it was appended (the log's clock, UTC)."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    appended_at: datetime


class LogBatch(NamedTuple):
    """Records in log order, and the offsets to go on from. A batch never cuts a publish in two."""

    records: Sequence[StoredRecord]
    offsets: Offsets


class Log(ABC):
    """An ordered, durable log of records in topics.

    A publish is wholly there or not at all, for every reader, also when the publisher is killed in the middle.
    The records of one ``partition_key`` (a system id) keep the order of their publishes within each topic.
    Offsets grow within a partition; they need not be consecutive.
    """

    has_one_sequence = False
    """Whether one sequence of offsets runs over all topics and partitions."""

    trailing_offsets = 0
    """How many offsets after the last record of a partition may be no records when nothing is behind it."""

    streams_whole_publishes = True
    """Whether all topics' parts of a publish are in one micro-batch of `stream`; each part always is."""

    @abstractmethod
    async def create(self, topics: Sequence[str]) -> None:
        """Make the topics that are not there yet; what is there stays. To be called before anything else."""

    @abstractmethod
    async def publish(self, partition_key: str, records: Sequence[LogRecord]) -> None:
        """Append all records, in their order, or none of them.

        On return they are durable: they outlive this process. Raises LogFull when there is no room (disk full),
        LogError for anything else; nothing was appended then.
        """

    @abstractmethod
    async def settle(self, topics: Sequence[str]) -> None:
        """Wait until whatever is going to be in the topics of what was published so far is there for every reader.

        That is also what a process before this one, in the same role, was killed in the middle of; it can't publish
        any more. Raises LogError when others' publishes go on and on.
        """

    @abstractmethod
    def subscribe(self, topics: Sequence[str], offsets: Offsets) -> AsyncGenerator[LogBatch, None]:
        """Every record from ``offsets`` on, then each new publish as it comes, for ever.

        A partition that ``offsets`` does not name starts at its oldest record. Another process's publish
        arrives within 50 ms. Batches are bounded (a backlog comes in many) but never cut a publish in two.
        To be closed with ``aclose()``.
        """

    @abstractmethod
    async def end_offsets(self, topics: Sequence[str]) -> Offsets:
        """For each partition the offset after its last record."""

    @abstractmethod
    async def offsets_at(self, topics: Sequence[str], instant: datetime) -> Offsets:
        """For each partition the offset of the first record appended at or after ``instant``, else its end.

        Never between two records of one publish.
        """

    @abstractmethod
    def stream(self, spark: SparkSession, topics: Sequence[str], offsets: Offsets) -> DataFrame:
        """The topics as a streaming DataFrame from ``offsets`` on, with the columns of Spark's Kafka source.

        key binary, value binary, topic string, partition int, offset long, timestamp timestamp (of appending),
        timestampType int. Micro-batches never cut a topic's part of a publish in two. A backlog comes in bounded ones
        (`STEP_SETTING`), or is to be taken in `steps` first.
        """

    async def steps(self, topics: Sequence[str], offsets: Offsets) -> Sequence[Offsets]:
        """Where to cut a backlog from ``offsets`` on, for `frame` to give it in bounded pieces before `stream` starts.

        The last piece, from the last cut on, is `stream`'s. Each cut lies between two publishes of its topic; there
        are none when there is no large backlog, or when the engine's `stream` comes in bounded micro-batches anyhow.
        """
        return ()

    @abstractmethod
    def frame(
        self,
        spark: SparkSession,
        topics: Sequence[str],
        start: Offsets,
        end: Offsets,
        *,
        partition_key: str | None = None,
    ) -> DataFrame:
        """The records from ``start`` (or the oldest) up to and without ``end``, as a batch DataFrame like
        `stream`'s.

        Who only wants the records of one ``partition_key`` says so: an engine may then leave out others', or not.
        """

    @abstractmethod
    async def retire(self, before: datetime, consumed: Offsets) -> int:
        """Delete whole publishes appended before ``before`` whose every offset is below ``consumed``.

        Returns the number of records deleted. An engine with a retention of its own deletes none and says so
        in its docstring.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release everything; the log can't be used afterwards."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def behind(consumed: Offsets, end: Offsets, log: Log) -> int | None:
    """How many records a job that has consumed so much has still to read up to ``end``; None when it never ran.

    Positions, not records, where an engine's offsets have holes.
    """
    if not consumed:
        return None
    waiting = (end.get(place, 0) - offset - log.trailing_offsets for place, offset in consumed.items())
    return max(0, *waiting)


Value = str | int | float | bool | datetime | date | None
Row = Mapping[str, Value]
"""Column name to value. A column left out of a write keeps what it holds.

A None is stored over a value in a table with ``newest_by`` only, where the newer row stands as a whole (a vehicle
that left its station, a feed without a reason any more); elsewhere it is never stored over one."""


class Consumed(NamedTuple):
    """How far a job has consumed the log; stored with the rows that this made."""

    job: str
    offsets: Offsets


class Store(ABC):
    """Tables of rows, read by partition in clustering order (`pipeline/tables` defines them).

    No words of the domain are known here. Times come back as aware UTC datetimes.
    """

    @abstractmethod
    async def create(self, tables: Sequence[Table]) -> None:
        """Make the tables that are missing, and bring older ones up to date; data is kept.

        Raises StoreError when the store was written by a newer version of Bikewire.
        """

    @abstractmethod
    async def write(self, rows: Mapping[Table, Sequence[Row]], consumed: Consumed | None = None) -> None:
        """Upsert rows by primary key, and the consumed offsets with (or strictly after) them.

        Writing the same rows again changes nothing. In a table with ``newest_by`` a row never replaces one that
        is newer by that column. Offsets of ``consumed`` never go back. Raises StoreError.
        """

    @abstractmethod
    async def replace(
        self, partitions: Mapping[Table, Sequence[tuple[Value, ...]]], rows: Mapping[Table, Sequence[Row]]
    ) -> None:
        """Make each named partition hold exactly its rows in ``rows`` (none removes it).

        Only of tables that say ``is_replaced``; rows of other tables in ``rows`` are upserted.

        A reader sees a partition's rows as they were before or as they are after, never a mix.
        """

    @abstractmethod
    async def read(
        self,
        table: Table,
        partition: tuple[Value, ...],
        prefix: tuple[Value, ...] = (),
        *,
        lower: Value = None,
        upper: Value = None,
        limit: int | None = None,
        newest_first: bool = False,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """The rows of one partition in clustering order, with every column of the table (unknown is None).

        ``prefix`` fixes the first clustering columns; ``lower`` (included) and ``upper`` (excluded) bound the
        clustering column after them. ``newest_first`` turns the order round before ``limit`` is applied.
        ``columns`` are the only ones wanted: of many rows, a few columns are read several times faster than all.
        """

    @abstractmethod
    async def partitions(self, table: Table) -> list[tuple[Value, ...]]:
        """The partitions that may hold rows, each once, in no order: a look at the whole table."""

    @abstractmethod
    async def offsets(self, job: str) -> Offsets:
        """How far the job has consumed the log; empty when it never has."""

    @abstractmethod
    async def expire(self, now: datetime) -> int:
        """Remove rows that outlived their table's ``ttl_days``; returns how many (0 where the engine does it)."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything; the store can't be used afterwards."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
