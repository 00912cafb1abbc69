"""SQL and values of a `Table` in SQLite: timestamps are integer microseconds, dates ISO text, booleans 0 and 1."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import repeat
from types import NoneType
from typing import Any, NamedTuple

from pipeline.adapters.checks import TAKES, Select, check_select, check_value
from pipeline.adapters.sqlite import from_micros, to_micros
from pipeline.ports import Row, Value
from pipeline.tables import Table

Stored = str | int | float | None

WRITTEN_AT = "_written_at"
"""Hidden column: when the row was last written, in microseconds; `Table.ttl_days` counts from it."""


class Kind(NamedTuple):
    """How a column type is kept: SQLite's type, the way in and the way out."""

    storage: str
    encode: Callable[[Any], Stored] | None = None
    decode: Callable[[Any], Value] | None = None


_KINDS = {
    "text": Kind("TEXT"),
    "long": Kind("INTEGER"),
    "double": Kind("REAL"),
    "boolean": Kind("INTEGER", None, bool),
    "timestamp": Kind("INTEGER", to_micros, from_micros),
    "date": Kind("TEXT", date.isoformat, date.fromisoformat),
}


def encode(table: Table, column: str, value: Value) -> Stored:
    """The value as SQLite keeps it; raises StoreError when the column takes another type."""
    check_value(table, column, value)
    into = _KINDS[table.columns[column]].encode
    return into(value) if into and value is not None else value  # type: ignore[return-value]  # as checked


def parameters(table: Table, columns: Sequence[str], rows: Iterable[Row], written_at: int) -> list[tuple[Stored, ...]]:
    """The rows as parameters of `upsert_sql`."""
    given = list(rows)
    stored = [_encoded(table, column, [row[column] for row in given]) for column in columns]
    return list(zip(*stored, repeat(written_at, len(given)), strict=True))


def _encoded(table: Table, column: str, values: list[Value]) -> Iterable[Stored]:
    """`encode` of each value: for one of many columns and rows that would be most of the work of a write."""
    kind = table.columns[column]
    if _KINDS[kind].encode is not None:
        known = {value: encode(table, column, value) for value in set(values)}
        return [known[value] for value in values]
    if {*map(type, values)} <= {*TAKES[kind], NoneType}:
        return values  # type: ignore[return-value]  # as the types say
    return [encode(table, column, value) for value in values]


def upsert_sql(table: Table, columns: Sequence[str]) -> str:
    """One row's upsert, of the columns and the hidden one."""
    updated = [*(column for column in columns if column not in table.key), WRITTEN_AT]
    guard = f" WHERE excluded.{_name(table.newest_by)} >= target.{_name(table.newest_by)}" if table.newest_by else ""
    return (
        f"INSERT INTO {_name(table.name)} AS target ({_names([*columns, WRITTEN_AT])})"
        f" VALUES ({', '.join('?' * (len(columns) + 1))})"
        f" ON CONFLICT ({_names(table.key)}) DO UPDATE SET "
        + ", ".join(_assignment(table, column) for column in updated)
        + guard
    )


def _assignment(table: Table, column: str) -> str:
    name = _name(column)
    # A newer record stands as a whole: what it does not know any more is unknown.
    if table.newest_by:
        return f"{name} = excluded.{name}"
    return f"{name} = COALESCE(excluded.{name}, target.{name})"


def delete_sql(table: Table) -> str:
    """Deletes one partition."""
    return f"DELETE FROM {_name(table.name)} WHERE {_equal(table.partition)}"


def expire_sql(table: Table) -> str:
    """Deletes the rows last written before an instant."""
    return f"DELETE FROM {_name(table.name)} WHERE {WRITTEN_AT} < ?"


def partitions_sql(table: Table) -> str:
    """Selects the key of every partition."""
    return f"SELECT DISTINCT {_names(table.partition)} FROM {_name(table.name)}"


def partition_parameters(table: Table, partition: Sequence[Value]) -> tuple[Stored, ...]:
    """The key of a partition as parameters."""
    return tuple(encode(table, column, value) for column, value in zip(table.partition, partition, strict=True))


def select(table: Table, wanted: Select) -> tuple[str, tuple[Stored, ...]]:
    """The SQL and its parameters; raises StoreError when they do not fit the table."""
    check_select(table, wanted)
    fixed = len(wanted.prefix)
    where = [_equal((*table.partition, *table.clustering[:fixed]))]
    values = [*partition_parameters(table, wanted.partition)]
    values += [encode(table, column, value) for column, value in zip(table.clustering, wanted.prefix, strict=False)]
    for sign, value in wanted.bounds:
        where.append(f"{_name(table.clustering[fixed])} {sign} ?")
        values.append(encode(table, table.clustering[fixed], value))
    sql = f"SELECT {_names(wanted.columns)} FROM {_name(table.name)} WHERE {' AND '.join(where)}"
    sql += _order(table, newest_first=wanted.newest_first)
    if wanted.limit is not None:
        sql += " LIMIT ?"
        values.append(wanted.limit)
    return sql, tuple(values)


def _order(table: Table, *, newest_first: bool) -> str:
    direction = " DESC" if newest_first else ""
    order = ", ".join(f"{_name(column)}{direction}" for column in table.clustering)
    return f" ORDER BY {order}" if order else ""


def decode(table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Rows of `select`, with the columns ``names``, as the port gives them."""
    # A loop of Python's own over the rows takes half as long again, which shows where there are thousands.
    decoded: list[dict[str, Value]] = [dict(zip(names, values, strict=True)) for values in rows]
    for name in names:
        decoder = _KINDS[table.columns[name]].decode
        if decoder:
            for row in decoded:
                if row[name] is not None:
                    row[name] = decoder(row[name])
    return decoded  # type: ignore[return-value]  # a list of rows that nobody else has


def bring_up_to_date(connection: sqlite3.Connection, table: Table) -> None:
    """Make the table, or add the columns that an older one lacks."""
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({_name(table.name)})")}
    if not present:
        connection.execute(_create_sql(table))
    for column, kind in table.columns.items():
        if present and column not in present:
            connection.execute(f"ALTER TABLE {_name(table.name)} ADD COLUMN {_name(column)} {_KINDS[kind].storage}")
    if table.ttl_days is not None:
        index = _name(f"{table.name}_written_at")
        connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {_name(table.name)} ({WRITTEN_AT})")


def _create_sql(table: Table) -> str:
    columns = [f"{_name(column)} {_KINDS[kind].storage}" for column, kind in table.columns.items()]
    # Without a rowid the rows of a partition lie side by side, in clustering order.
    return (
        f"CREATE TABLE {_name(table.name)} ({', '.join(columns)}, {WRITTEN_AT} INTEGER NOT NULL,"
        f" PRIMARY KEY ({_names(table.key)})) WITHOUT ROWID"
    )


def _name(column: str | None) -> str:
    return f'"{column}"'


def _names(columns: Iterable[str]) -> str:
    return ", ".join(_name(column) for column in columns)


def _equal(columns: Iterable[str]) -> str:
    return " AND ".join(f"{_name(column)} = ?" for column in columns)
