"""SQL and values of a `Table` in SQLite: timestamps are integer microseconds, dates ISO text, booleans 0 and 1."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from pipeline.adapters.sqlite import from_micros, to_micros
from pipeline.ports import Row, StoreError, Value
from pipeline.tables import Table

Stored = str | int | float | None

WRITTEN_AT = "_written_at"
"""Hidden column: when the row was last written, in microseconds; `Table.ttl_days` counts from it."""


class Kind(NamedTuple):
    """How a column type is kept: SQLite's type, the Python types it takes, the way in and the way out."""

    storage: str
    takes: tuple[type, ...]
    encode: Callable[[Any], Stored] | None = None
    decode: Callable[[Any], Value] | None = None


def _iso_date(value: date) -> str:
    if isinstance(value, datetime):
        msg = "a datetime is no date"
        raise TypeError(msg)
    return value.isoformat()


_KINDS = {
    "text": Kind("TEXT", (str,)),
    "long": Kind("INTEGER", (int,)),
    "double": Kind("REAL", (float, int)),
    "boolean": Kind("INTEGER", (bool,), None, bool),
    "timestamp": Kind("INTEGER", (datetime,), to_micros, from_micros),
    "date": Kind("TEXT", (date,), _iso_date, date.fromisoformat),
}


def encode(table: Table, column: str, value: Value) -> Stored:
    """The value as SQLite keeps it; raises StoreError when the column takes another type."""
    if value is None:
        return None
    kind = _KINDS[table.columns[column]]
    if isinstance(value, kind.takes):
        try:
            return kind.encode(value) if kind.encode else value  # type: ignore[return-value]  # checked by takes
        except TypeError:  # a datetime for a date, or one without a time zone
            pass
    msg = f"{table.name}.{column} takes a {table.columns[column]} (times aware), not {value!r}."
    raise StoreError(msg)


def parameters(table: Table, columns: Sequence[str], rows: Iterable[Row], written_at: int) -> list[tuple[Stored, ...]]:
    """The rows as parameters of `upsert_sql`."""
    return [(*(encode(table, column, row[column]) for column in columns), written_at) for row in rows]


def given_columns(table: Table, row: Row) -> tuple[str, ...]:
    """The row's columns in the table's order; raises StoreError for a row that can't be written."""
    columns = tuple(column for column in table.columns if column in row)
    if len(columns) != len(row):
        unknown = sorted(set(row) - set(table.columns))
        msg = f"Table {table.name} has no column {', '.join(unknown)}."
        raise StoreError(msg)
    for column in (*table.key, *([table.newest_by] if table.newest_by else [])):
        if row.get(column) is None:
            msg = f"A row of table {table.name} lacks {column}, which every row needs: {dict(row)!r}."
            raise StoreError(msg)
    return columns


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


def partition_parameters(table: Table, partition: Sequence[Value]) -> tuple[Stored, ...]:
    """The key of a partition as parameters; raises StoreError when it does not fit the table."""
    if len(partition) != len(table.partition) or None in partition:
        msg = f"A partition of table {table.name} is named by ({', '.join(table.partition)}), not {tuple(partition)!r}."
        raise StoreError(msg)
    return tuple(encode(table, column, value) for column, value in zip(table.partition, partition, strict=True))


class Select(NamedTuple):
    """What to read of one partition; the arguments of `Store.read`."""

    partition: tuple[Value, ...]
    prefix: tuple[Value, ...]
    lower: Value
    upper: Value
    limit: int | None
    newest_first: bool
    columns: tuple[str, ...]


def select(table: Table, wanted: Select) -> tuple[str, tuple[Stored, ...]]:
    """The SQL and its parameters; raises StoreError when they do not fit the table."""
    unknown = sorted(set(wanted.columns) - set(table.columns))
    if unknown:
        msg = f"Table {table.name} has no column {', '.join(unknown)}."
        raise StoreError(msg)
    fixed = len(wanted.prefix)
    bounds = [(sign, value) for sign, value in ((">=", wanted.lower), ("<", wanted.upper)) if value is not None]
    if fixed + bool(bounds) > len(table.clustering):
        msg = f"Table {table.name} is clustered by ({', '.join(table.clustering)}) only: {wanted!r}."
        raise StoreError(msg)
    where = [_equal((*table.partition, *table.clustering[:fixed]))]
    values = [*partition_parameters(table, wanted.partition)]
    values += [encode(table, column, value) for column, value in zip(table.clustering, wanted.prefix, strict=False)]
    for sign, value in bounds:
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
    decoders = [(name, decoder) for name in names if (decoder := _KINDS[table.columns[name]].decode)]
    decoded: list[Row] = []
    for values in rows:
        row: dict[str, Value] = dict(zip(names, values, strict=True))
        for name, decoder in decoders:
            if row[name] is not None:
                row[name] = decoder(row[name])
        decoded.append(row)
    return decoded


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
