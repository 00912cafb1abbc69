"""What several rows of one key come to, for a store that can't decide it row by row while it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.ports import Row, Value
from pipeline.tables import Table


def by_partition(table: Table, rows: Iterable[Row]) -> dict[tuple[Value, ...], list[Row]]:
    """The rows of each partition, in their order."""
    parts: dict[tuple[Value, ...], list[Row]] = {}
    for row in rows:
        parts.setdefault(tuple(row[column] for column in table.partition), []).append(row)
    return parts


def merged(table: Table, rows: Iterable[Row]) -> list[Row]:
    """One row per key: of each column the last value that is known."""
    found: dict[tuple[Value, ...], dict[str, Value]] = {}
    for row in rows:
        known = {column: value for column, value in row.items() if value is not None}
        found.setdefault(_key(table, row), {}).update(known)
    return list(found.values())


def is_partial(table: Table, rows: Iterable[Row]) -> bool:
    """Whether a row leaves columns out, which are to keep what they hold."""
    return any(len(row) < len(table.columns) for row in rows)


def newest(table: Table, held: Iterable[Row], given: Sequence[Row]) -> list[Row]:
    """The rows to write, whole, when these are given one after the other to a table that holds those."""
    found: dict[tuple[Value, ...], Mapping[str, Value]] = {_key(table, row): row for row in held}
    changed: dict[tuple[Value, ...], Row] = {}
    for row in given:
        key = _key(table, row)
        before = found.get(key)
        if before is None or not _is_older(table, row, before):
            found[key] = changed[key] = {**(before or {}), **row}
    return list(changed.values())


def _is_older(table: Table, row: Row, before: Row) -> bool:
    age: Any = row[table.newest_by or ""]
    return bool(age < before[table.newest_by or ""])


def _key(table: Table, row: Row) -> tuple[Value, ...]:
    return tuple(row[column] for column in table.key)
