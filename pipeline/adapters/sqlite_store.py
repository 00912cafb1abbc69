"""The store as an SQLite file: one transaction per write, reads beside it on connections of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

from pipeline.adapters import sqlite_tables
from pipeline.adapters.checks import Select, check_replacement, given_columns
from pipeline.adapters.sqlite import Threads, make, sentence, to_micros, transaction
from pipeline.ports import Consumed, Offsets, Row, Store, StoreError, TopicPartition, Value
from pipeline.tables import SCHEMA_VERSION, Table

APPLICATION_ID = 0x42575354  # "BWST"

READERS = 1
"""How many reads run at once. sqlite3 lets go of the interpreter at every row: with four threads at it, reading 45,000
rows took three times as long as with one. A read is of one partition, so none waits long."""

_PROGRESS = (
    "CREATE TABLE IF NOT EXISTS progress ("
    " job TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,"
    " PRIMARY KEY (job, topic, partition)) WITHOUT ROWID"
)
_ADVANCE = (
    "INSERT INTO progress VALUES (?, ?, ?, ?) ON CONFLICT (job, topic, partition)"
    " DO UPDATE SET next = max(next, excluded.next)"
)


class SqliteStore(Store):
    """A store in one SQLite file (WAL), for any number of processes on one machine.

    A power cut may take the newest writes with it, rows and consumed offsets alike, so that they are made again.
    A write that finds another process writing waits for it; a read never waits.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._tables: tuple[Table, ...] = ()
        self._writer = Threads(self._path, 1, "NORMAL", self._failed)
        self._readers = Threads(self._path, READERS, "NORMAL", self._failed)

    async def create(self, tables: Sequence[Table]) -> None:
        def build() -> None:
            make(self._path, lambda connection: _build(connection, tables), "NORMAL")

        await self._writer.run_alone(build)
        self._tables = tuple(tables)

    async def write(self, rows: Mapping[Table, Sequence[Row]], consumed: Consumed | None = None) -> None:
        await self._writer.run(_write, rows, consumed)

    async def replace(
        self, partitions: Mapping[Table, Sequence[tuple[Value, ...]]], rows: Mapping[Table, Sequence[Row]]
    ) -> None:
        """Rows of a table that ``partitions`` does not name are upserted in the same transaction."""
        await self._writer.run(_replace, partitions, rows)

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
        wanted = Select(partition, prefix, lower, upper, limit, newest_first, tuple(columns or table.columns))
        return await self._readers.run(_read, table, wanted)

    async def partitions(self, table: Table) -> list[tuple[Value, ...]]:
        return await self._readers.run(_partitions, table)

    async def offsets(self, job: str) -> Offsets:
        return await self._readers.run(_offsets, job)

    async def expire(self, now: datetime) -> int:
        """Looks at the tables that `create` was given."""
        return await self._writer.run(_expire, self._tables, now)

    async def close(self) -> None:
        await self._writer.close()
        await self._readers.close()

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(sentence(self._path, "store", error))


def _build(connection: sqlite3.Connection, tables: Sequence[Table]) -> None:
    _check(connection)
    connection.execute(_PROGRESS)
    for table in tables:
        sqlite_tables.bring_up_to_date(connection, table)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _check(connection: sqlite3.Connection) -> None:
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION_ID and not is_new:
        msg = f"{path} is an SQLite file, but no store of Bikewire; name another in BIKEWIRE_STORE."
        raise StoreError(msg)
    if version > SCHEMA_VERSION:
        msg = (
            f"{path} was written by a newer Bikewire (store version {version}, this one knows {SCHEMA_VERSION});"
            " update Bikewire or name another store in BIKEWIRE_STORE."
        )
        raise StoreError(msg)


def _write(
    connection: sqlite3.Connection, rows: Mapping[Table, Sequence[Row]], consumed: Consumed | None = None
) -> None:
    with transaction(connection):
        _upsert(connection, rows)
        if consumed:
            connection.executemany(
                _ADVANCE, [(consumed.job, *partition, offset) for partition, offset in consumed.offsets.items()]
            )


def _upsert(connection: sqlite3.Connection, rows: Mapping[Table, Sequence[Row]]) -> None:
    written_at = to_micros(datetime.now(UTC))
    for table, rows_of_table in rows.items():
        for columns, alike in groupby(rows_of_table, partial(given_columns, table)):
            connection.executemany(
                sqlite_tables.upsert_sql(table, columns),
                sqlite_tables.parameters(table, columns, alike, written_at),
            )


def _replace(
    connection: sqlite3.Connection,
    partitions: Mapping[Table, Sequence[tuple[Value, ...]]],
    rows: Mapping[Table, Sequence[Row]],
) -> None:
    for table, named in partitions.items():
        check_replacement(table, named, rows.get(table, ()))
    with transaction(connection):
        for table, named in partitions.items():
            connection.executemany(
                sqlite_tables.delete_sql(table),
                [sqlite_tables.partition_parameters(table, partition) for partition in named],
            )
        _upsert(connection, rows)


def _read(connection: sqlite3.Connection, table: Table, wanted: Select) -> list[Row]:
    rows = connection.execute(*sqlite_tables.select(table, wanted))
    return sqlite_tables.decode(table, wanted.columns, rows)


def _partitions(connection: sqlite3.Connection, table: Table) -> list[tuple[Value, ...]]:
    rows = sqlite_tables.decode(table, table.partition, connection.execute(sqlite_tables.partitions_sql(table)))
    return [tuple(row.values()) for row in rows]


def _offsets(connection: sqlite3.Connection, job: str) -> Offsets:
    found = connection.execute("SELECT topic, partition, next FROM progress WHERE job = ?", (job,))
    return {TopicPartition(topic, partition): offset for topic, partition, offset in found}


def _expire(connection: sqlite3.Connection, tables: Sequence[Table], now: datetime) -> int:
    expired = 0
    for table in tables:
        if table.ttl_days is not None:
            before = to_micros(now - timedelta(days=table.ttl_days))
            with transaction(connection):
                expired += connection.execute(sqlite_tables.expire_sql(table), (before,)).rowcount
    return expired
