"""What every store refuses, in the same words: rows, partitions and reads that do not fit their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from pipeline.ports import Row, StoreError, Value
from pipeline.tables import ColumnType, Table

TAKES: dict[ColumnType, tuple[type, ...]] = {
    "text": (str,),
    "long": (int,),
    "double": (float, int),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "date": (date,),
}
"""The types of values that each type of column takes."""


class Select(NamedTuple):
    """What to read of one partition; the arguments of `Store.read`."""

    partition: tuple[Value, ...]
    prefix: tuple[Value, ...]
    lower: Value
    upper: Value
    limit: int | None
    newest_first: bool
    columns: tuple[str, ...]

    @property
    def bounds(self) -> list[tuple[str, Value]]:
        """The comparisons that bound the clustering column after the prefix."""
        return [(sign, value) for sign, value in ((">=", self.lower), ("<", self.upper)) if value is not None]


def check_value(table: Table, column: str, value: Value) -> None:
    """Raises StoreError when the column takes another type; None fits every column."""
    kind = table.columns[column]
    is_other = not isinstance(value, TAKES[kind])
    if isinstance(value, datetime):
        is_other = kind != "timestamp" or value.tzinfo is None
    if is_other and value is not None:
        msg = f"{table.name}.{column} takes a {kind} (times aware), not {value!r}."
        raise StoreError(msg)


def given_columns(table: Table, row: Row) -> tuple[str, ...]:
    """The row's columns in the table's order; raises StoreError for a row that can't be written."""
    columns = tuple(column for column in table.columns if column in row)
    if len(columns) != len(row):
        msg = _no_column(table, row)
        raise StoreError(msg)
    for column in (*table.key, *([table.newest_by] if table.newest_by else [])):
        if row.get(column) is None:
            msg = f"A row of table {table.name} lacks {column}, which every row needs: {dict(row)!r}."
            raise StoreError(msg)
    return columns


def check_partition(table: Table, partition: Sequence[Value]) -> None:
    """Raises StoreError when this does not name a partition of the table."""
    if len(partition) != len(table.partition) or None in partition:
        msg = f"A partition of table {table.name} is named by ({', '.join(table.partition)}), not {tuple(partition)!r}."
        raise StoreError(msg)
    for column, value in zip(table.partition, partition, strict=True):
        check_value(table, column, value)


def check_select(table: Table, wanted: Select) -> None:
    """Raises StoreError when the table can't be read so."""
    if not set(wanted.columns) <= set(table.columns):
        msg = _no_column(table, wanted.columns)
        raise StoreError(msg)
    check_partition(table, wanted.partition)
    fixed = len(wanted.prefix)
    if fixed + bool(wanted.bounds) > len(table.clustering):
        msg = f"Table {table.name} is clustered by ({', '.join(table.clustering)}) only: {wanted!r}."
        raise StoreError(msg)
    for column, value in zip(table.clustering, wanted.prefix, strict=False):
        check_value(table, column, value)
    for _, value in wanted.bounds:
        check_value(table, table.clustering[fixed], value)


def check_replacement(table: Table, named: Sequence[tuple[Value, ...]], rows: Sequence[Row]) -> None:
    """Raises StoreError unless the table is one of replaced partitions and every row lies in a named one."""
    if not table.is_replaced:
        msg = f"Partitions of table {table.name} are not replaced as wholes; its rows are upserted."
        raise StoreError(msg)
    for partition in named:
        check_partition(table, partition)
    allowed = set(named)
    for row in rows:
        partition = tuple(row.get(column) for column in table.partition)
        if partition not in allowed:
            msg = f"A row of table {table.name} lies in partition {partition!r}, which is not being replaced."
            raise StoreError(msg)


def _no_column(table: Table, names: Sequence[str] | Row) -> str:
    return f"Table {table.name} has no column {', '.join(sorted(set(names) - set(table.columns)))}."
