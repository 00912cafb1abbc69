"""CQL and values of a `Table` in Cassandra.

Three shapes. A table with ``newest_by`` keeps all that is not key in one frozen cell, ``newest``, written under that
column's time: of two rows the newer stands as a whole, whatever the order of their arrival, and what it does not know
needs no tombstone; of two rows of the same instant one stands as a whole, where single cells would mix. Any other
table has a cell per column, written under the writer's clock. A table of replaced partitions has a ``generation`` in
its partition key besides: see `pipeline/adapters/cassandra_generations.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.adapters.checks import Select, check_select, check_value, given_columns
from pipeline.ports import Row, StoreError, Value
from pipeline.tables import ColumnType, Table

NEWEST = "newest"
GENERATION = "generation"

GC_GRACE_SECONDS = 86_400
"""How long a deletion is remembered. Longer than the 3 hours for which a node that is down gets hints; what a node
that was away for longer brings back is a replaced generation, which nobody looks for."""

MOST_WINDOWS = 40
"""Into how many files by time a table that expires is cut: each is dropped whole when its last row has expired."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)

Stored = str | int | float | date | None


class Kind(NamedTuple):
    """How a column type is kept: Cassandra's type, the way in and the way out."""

    storage: str
    encode: Callable[[Any], Stored] | None = None
    decode: Callable[[Any], Value] | None = None


class Statement(NamedTuple):
    """CQL to be prepared, and its values."""

    cql: str
    values: tuple[Stored, ...] = ()


def micros(instant: datetime) -> int:
    """Microseconds since 1970, as Cassandra counts write times."""
    return (instant - _EPOCH) // _MICROSECOND


def _long(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        msg = f"{value} does not fit into 64 bits."
        raise StoreError(msg)
    return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        msg = f"{value!r} is no text that can be stored ({error})."
        raise StoreError(msg) from error
    return value


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


_KINDS: dict[ColumnType, Kind] = {
    "text": Kind("text", _text),
    "long": Kind("bigint", _long),
    "double": Kind("double", float),
    "boolean": Kind("boolean"),
    # Cassandra keeps milliseconds, as the records do.
    "timestamp": Kind("timestamp", lambda instant: (instant - _EPOCH) // _MILLISECOND, _utc),
    "date": Kind("date", None, lambda day: day.date()),
}


def encode(table: Table, column: str, value: Value) -> Stored:
    """The value as the driver takes it; raises StoreError when the column takes another one."""
    check_value(table, column, value)
    into = _KINDS[table.columns[column]].encode
    return into(value) if into and value is not None else value


def check_row(table: Table, row: Row) -> None:
    """Raises StoreError for a row that can't be written."""
    for column in given_columns(table, row):
        encode(table, column, row[column])


def name(*parts: str) -> str:
    """A quoted name: several of ours are reserved words."""
    return ".".join(f'"{part}"' for part in parts)


def values_of(table: Table) -> tuple[str, ...]:
    """The columns that are not key."""
    return tuple(column for column in table.columns if column not in table.key)


def type_name(table: Table) -> str:
    """The type of the cell ``newest``."""
    return f"{table.name}_row"


def type_creation(keyspace: str, table: Table) -> str:
    """What makes the type of the cell ``newest``; nothing happens where it is there."""
    fields = ", ".join(f"{name(column)} {_KINDS[table.columns[column]].storage}" for column in values_of(table))
    return f"CREATE TYPE IF NOT EXISTS {name(keyspace, type_name(table))} ({fields})"


def creation(keyspace: str, table: Table) -> str:
    """What makes the table, once its type is there; nothing happens where it is there."""
    kept = table.key if table.newest_by else tuple(table.columns)
    columns = {column: _KINDS[table.columns[column]].storage for column in kept}
    if table.newest_by:
        columns[NEWEST] = f"frozen<{name(type_name(table))}>"
    if table.is_replaced:
        columns[GENERATION] = "bigint"
    listed = ", ".join(f"{name(column)} {storage}" for column, storage in columns.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {name(keyspace, table.name)} ({listed}, PRIMARY KEY ({_primary_key(table)}))"
        f" WITH {' AND '.join(_options(table))}"
    )


def _primary_key(table: Table) -> str:
    return ", ".join([f"({_names(_partition_key(table))})", *map(name, table.clustering)])


def _partition_key(table: Table) -> tuple[str, ...]:
    return (*table.partition, GENERATION) if table.is_replaced else table.partition


def _options(table: Table) -> list[str]:
    options = [f"compaction = {_compaction(table)}", f"gc_grace_seconds = {GC_GRACE_SECONDS}"]
    if table.ttl_days is not None:
        options.append(f"default_time_to_live = {table.ttl_days * 86_400}")
    comment = table.description.replace("'", "''")
    return [*options, f"comment = '{comment}'"]


def _compaction(table: Table) -> str:
    """Overwritten rows are to be read from few files (L10); a history that expires goes by time, so that whole files
    expire; what is written once and then only read costs least to keep in T4."""
    if table.newest_by:
        return "{'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}"
    if table.ttl_days is None:
        return "{'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'}"
    days = -(-table.ttl_days // MOST_WINDOWS)
    return (
        "{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS',"
        f" 'compaction_window_size': {days}}}"
    )


def additions(keyspace: str, table: Table, present: Collection[str]) -> list[str]:
    """What adds the columns that an older table lacks; ``present`` are those that it has, outside its key."""
    target = f"TYPE {name(keyspace, type_name(table))}" if table.newest_by else f"TABLE {name(keyspace, table.name)}"
    return [
        f"ALTER {target} ADD IF NOT EXISTS {name(column)} {_KINDS[table.columns[column]].storage}"
        for column in values_of(table)
        if column not in present
    ]


def insert_cql(keyspace: str, table: Table) -> str:
    """Writes one row, its values as `insert_values` gives them."""
    columns = [*_partition_key(table), *table.clustering]
    markers = ["?"] * len(columns)
    if table.newest_by:
        columns.append(NEWEST)
        markers.append("{" + ", ".join(f"{name(column)}: ?" for column in values_of(table)) + "}")
    else:
        columns += values_of(table)
        markers += ["?"] * len(values_of(table))
    written_at = " USING TIMESTAMP ?" if table.newest_by else ""
    return f"INSERT INTO {name(keyspace, table.name)} ({_names(columns)}) VALUES ({', '.join(markers)}){written_at}"


def insert_values(table: Table, row: Mapping[str, Value], generation: int, unset: Stored) -> tuple[Stored, ...]:
    """The values of `insert_cql`, of a row that has passed `check_row`.

    In a cell of its own, what is unknown is left as it is (``unset``).
    """
    partition, clustering, values = _encoders(table)
    keys = [*_encoded(partition, row), *([generation] if table.is_replaced else ()), *_encoded(clustering, row)]
    given = _encoded(values, row)
    if not table.newest_by:
        return (*keys, *[unset if value is None else value for value in given])
    newest = row[table.newest_by]
    assert isinstance(newest, datetime)  # as `checks.given_columns` has it
    return (*keys, *given, micros(newest))


Encoders = Sequence[tuple[str, Callable[[Any], Stored] | None]]


@lru_cache
def _encoders(table: Table) -> tuple[Encoders, Encoders, Encoders]:
    """Of the partition's columns, of the clustering ones, and of the others."""
    groups = (table.partition, table.clustering, values_of(table))
    first, second, third = ([(column, _KINDS[table.columns[column]].encode) for column in group] for group in groups)
    return first, second, third


def _encoded(encoders: Encoders, row: Mapping[str, Any]) -> list[Stored]:
    given = ((row.get(column), into) for column, into in encoders)
    return [into(value) if into and value is not None else value for value, into in given]


def select(keyspace: str, table: Table, wanted: Select, generation: int = 0) -> Statement:
    """Reads what is wanted, as `decode` takes it; raises StoreError when that does not fit the table."""
    check_select(table, wanted)
    fixed = len(wanted.prefix)
    compared = [(column, "=", value) for column, value in zip(table.partition, wanted.partition, strict=True)]
    compared += [(column, "=", value) for column, value in zip(table.clustering, wanted.prefix, strict=False)]
    compared += [(table.clustering[fixed], sign, value) for sign, value in wanted.bounds]
    where = [f"{name(column)} {sign} ?" for column, sign, _ in compared]
    values = [encode(table, column, value) for column, _, value in compared]
    if table.is_replaced:
        where.append(f"{name(GENERATION)} = ?")
        values.append(generation)
    cql = f"SELECT {_names(selected(table, wanted.columns))} FROM {name(keyspace, table.name)}"
    cql += f" WHERE {' AND '.join(where)}"
    if wanted.newest_first and table.clustering:
        cql += " ORDER BY " + ", ".join(f"{name(column)} DESC" for column in table.clustering)
    if wanted.limit is not None:
        cql += " LIMIT ?"
        values.append(min(wanted.limit, 2**31 - 1))
    return Statement(cql, tuple(values))


def partitions(keyspace: str, table: Table) -> Statement:
    """Reads the key of every partition; where partitions are replaced, of every generation."""
    return Statement(f"SELECT DISTINCT {_names(_partition_key(table))} FROM {name(keyspace, table.name)}")


def selected(table: Table, columns: Sequence[str]) -> list[str]:
    """What is read for the columns. One whole cell is read more than twice as fast as its fields one by one."""
    if not table.newest_by:
        return list(columns)
    in_key = [column for column in columns if column in table.key]
    return in_key if len(in_key) == len(columns) else [*in_key, NEWEST]


def decode(table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Row]:
    """The rows of `select` as the port gives them."""
    read = _by_column(selected(table, columns), rows)
    # A column at a time: row by row it takes twice as long.
    decoded = [_decoded(_KINDS[table.columns[column]], read.get(column, (None,) * len(rows))) for column in columns]
    return [dict(zip(columns, values, strict=True)) for values in zip(*decoded, strict=True)]


def _decoded(kind: Kind, values: Sequence[Any]) -> Sequence[Value]:
    out = kind.decode
    return [None if value is None else out(value) for value in values] if out else values


def _by_column(read: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    """What was read. The last of it may be the cell that holds most of the columns.

    The cell of a table that a newer Bikewire has made wider, or an older one not so wide, has other fields than ours.
    """
    if not rows:
        return {}
    found = dict(zip(read, zip(*rows, strict=True), strict=True))
    cells = found.pop(NEWEST, ())
    return found | (dict(zip(cells[0]._fields, zip(*cells, strict=True), strict=True)) if cells else {})


def drop_cql(keyspace: str, table_name: str, partition: Sequence[str]) -> str:
    """Deletes one generation of a partition, its values in the order of ``partition`` and then the generation."""
    where = " AND ".join(f"{name(column)} = ?" for column in (*partition, GENERATION))
    return f"DELETE FROM {name(keyspace, table_name)} WHERE {where}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(name, columns))
