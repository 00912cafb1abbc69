"""The store in a Cassandra cluster: rows first, consumed offsets after them; every write may be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from pipeline.adapters import cassandra_schema, cassandra_tables, merging
from pipeline.adapters.cassandra_generations import ORIGINAL, Generations
from pipeline.adapters.cassandra_keeper import Keeper
from pipeline.adapters.cassandra_schema import PROGRESS
from pipeline.adapters.cassandra_session import UNSET, Session
from pipeline.adapters.cassandra_tables import Statement, name
from pipeline.adapters.cassandra_url import read_place
from pipeline.adapters.checks import Select, check_replacement, check_select
from pipeline.ports import Consumed, Offsets, Row, Store, TopicPartition, Value
from pipeline.tables import Table

ROWS_TOGETHER = 100
"""How many rows of one partition make one request: four to eight times as fast as a request for each."""

PARTITIONS_TOGETHER = 10
"""How many rows of different partitions make one request; with more Cassandra warns, and later refuses."""

Partition = tuple[Value, ...]


class CassandraStore(Store):
    """A store in one keyspace of a Cassandra cluster, for any number of processes.

    How many replicas a row has follows from the number of nodes when the keyspace is made, and how many must take
    part in a write and in a read follows from the replicas, so that a read sees every write before it. A write that
    raised may have been done in part; it is right once it has been repeated. Instants are kept in milliseconds.
    One process at a time writes for a job (one stream, one batch).
    """

    def __init__(self, place: str) -> None:
        """``place`` is the URL's text after ``cassandra://``; raises SettingsError."""
        self._place = read_place(place)
        self._keyspace = self._place.keyspace
        self._tables: tuple[Table, ...] = ()
        self._keeper = Keeper(self._place)

    async def create(self, tables: Sequence[Table]) -> None:
        """Make keyspace and tables; several processes may do it at once. Tries for 30 s to reach the cluster."""
        await cassandra_schema.bring_up_to_date(await self._keeper.session(), tables)
        self._tables = tuple(tables)

    async def write(self, rows: Mapping[Table, Sequence[Row]], consumed: Consumed | None = None) -> None:
        """The offsets are written after all rows."""
        _check(rows)
        session = await self._keeper.session()
        statements: list[Sequence[Statement]] = []
        for table, given in rows.items():
            if given:
                statements += await self._upserts(session, table, given)
        await session.run_all(statements)
        if consumed:
            await self._advance(session, consumed)

    async def replace(
        self, partitions: Mapping[Table, Sequence[Partition]], rows: Mapping[Table, Sequence[Row]]
    ) -> None:
        """One partition after the other is shown when all rows are written."""
        _check(rows)
        for table, named in partitions.items():
            check_replacement(table, named, rows.get(table, ()))
        session = await self._keeper.session()
        generations = Generations(session)
        begun = {
            (table, partition): await generations.begin(table, partition)
            for table, named in partitions.items()
            for partition in dict.fromkeys(named)
        }
        statements: list[Sequence[Statement]] = []
        for table in partitions:
            statements += self._inserts(table, merging.merged(table, rows.get(table, ())), begun)
        await session.run_all(statements)
        for (table, partition), generation in begun.items():
            await generations.show(table, partition, generation)
        await self.write({table: given for table, given in rows.items() if table not in partitions})

    async def read(
        self,
        table: Table,
        partition: Partition,
        prefix: tuple[Value, ...] = (),
        *,
        lower: Value = None,
        upper: Value = None,
        limit: int | None = None,
        newest_first: bool = False,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        wanted = Select(partition, prefix, lower, upper, limit, newest_first, tuple(columns or table.columns))
        check_select(table, wanted)
        if limit is not None and limit < 1:
            return []
        session = await self._keeper.session()
        generation = await Generations(session).current(table, partition) if table.is_replaced else ORIGINAL
        found = await session.run(cassandra_tables.select(self._keyspace, table, wanted, generation))
        return cassandra_tables.decode(table, wanted.columns, found)

    async def partitions(self, table: Table) -> list[Partition]:
        session = await self._keeper.session()
        found = await session.run(cassandra_tables.partitions(self._keyspace, table))
        keys = [values[: len(table.partition)] for values in found]
        rows = cassandra_tables.decode(table, table.partition, keys)
        # Of a replaced partition there is one for each of its generations.
        return list(dict.fromkeys(tuple(row.values()) for row in rows))

    async def offsets(self, job: str) -> Offsets:
        cql = f"SELECT topic, part, next_offset FROM {name(self._keyspace, PROGRESS)} WHERE job = ?"
        found = await (await self._keeper.session()).run(Statement(cql, (job,)))
        return {TopicPartition(topic, part): offset for topic, part, offset in found}

    async def expire(self, now: datetime) -> int:
        """Rows expire by themselves; this drops what replaced partitions held before. Always 0."""
        await Generations(await self._keeper.session()).drop_old(self._tables, now)
        return 0

    async def close(self) -> None:
        await self._keeper.close()

    async def _upserts(self, session: Session, table: Table, rows: Sequence[Row]) -> list[Sequence[Statement]]:
        by_partition = merging.by_partition(table, rows)
        if table.newest_by:
            for partition, given in by_partition.items():
                held = await self.read(table, partition) if merging.is_partial(table, given) else ()
                by_partition[partition] = merging.newest(table, held, given)
            return self._inserts(table, [row for given in by_partition.values() for row in given], {})
        generations = Generations(session)
        current = {
            (table, partition): await generations.current(table, partition)
            for partition in (by_partition if table.is_replaced else ())
        }
        return self._inserts(table, merging.merged(table, rows), current)

    def _inserts(
        self, table: Table, rows: Sequence[Row], generations: Mapping[tuple[Table, Partition], int]
    ) -> list[Sequence[Statement]]:
        """One statement per row, put together into requests."""
        cql = cassandra_tables.insert_cql(self._keyspace, table)
        alone: list[Statement] = []
        together: list[Sequence[Statement]] = []
        for partition, given in merging.by_partition(table, rows).items():
            generation = generations.get((table, partition), ORIGINAL)
            inserts = [Statement(cql, cassandra_tables.insert_values(table, row, generation, UNSET)) for row in given]
            if len(inserts) == 1:
                alone += inserts
            else:
                together += _chunks(inserts, ROWS_TOGETHER)
        return [*together, *_chunks(alone, PARTITIONS_TOGETHER)]

    async def _advance(self, session: Session, consumed: Consumed) -> None:
        known = await self.offsets(consumed.job)
        cql = f"INSERT INTO {name(self._keyspace, PROGRESS)} (job, topic, part, next_offset) VALUES (?, ?, ?, ?)"
        ahead = [
            Statement(cql, (consumed.job, *place, offset))
            for place, offset in consumed.offsets.items()
            if offset > known.get(place, -1)
        ]
        if ahead:
            await session.run_together(ahead)


def _check(rows: Mapping[Table, Sequence[Row]]) -> None:
    """Raises StoreError for a row that can't be written, before any is."""
    for table, given in rows.items():
        for row in given:
            cassandra_tables.check_row(table, row)


def _chunks(statements: Sequence[Statement], size: int) -> Iterator[Sequence[Statement]]:
    rest = iter(statements)
    while chunk := list(islice(rest, size)):
        yield chunk
