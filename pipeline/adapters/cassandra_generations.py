"""Replacing a partition whole: its rows lie in generations, and a pointer says which one is read.

A new generation is written beside the old one, then the pointer is moved: one cell, so that a reader has the rows of
before or of after. No row is deleted by that. Old generations are dropped later, one deletion each, when nobody can be
reading them any more; nobody reads where they lay, so that their tombstones are in no reader's way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.adapters.cassandra_connection import WRITE
from pipeline.adapters.cassandra_session import Session
from pipeline.adapters.cassandra_tables import Statement, drop_cql, micros, name
from pipeline.ports import StoreError, Value
from pipeline.tables import Table

ORIGINAL = 0
"""The generation of a partition that was never replaced."""

POINTER = "generation"

_ABANDONED = timedelta(hours=1)
"""A generation that nobody points to was given up by its writer when it is so old."""

_LONGEST_REPLACEMENT = timedelta(minutes=30)
_LONGEST_READ = timedelta(minutes=5)
_MICROSECOND = timedelta(microseconds=1)


def creation(keyspace: str) -> str:
    """What makes the table of pointers; nothing happens where it is there."""
    return (
        f"CREATE TABLE IF NOT EXISTS {name(keyspace, POINTER)}"
        " (table_name text, part text, current bigint, made set<bigint>, PRIMARY KEY ((table_name, part)))"
        " WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}"
        " AND gc_grace_seconds = 86400 AND comment = 'Which generation of a replaced partition is read.'"
    )


class Generations:
    """The pointers of a store."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pointers = name(session.place.keyspace, POINTER)

    async def current(self, table: Table, partition: Sequence[Value]) -> int:
        """The generation to read, and to upsert into."""
        cql = f"SELECT current FROM {self._pointers} WHERE table_name = ? AND part = ?"
        found = await self._session.run(Statement(cql, (table.name, _text(partition))))
        return int(found[0][0]) if found and found[0][0] is not None else ORIGINAL

    async def begin(self, table: Table, partition: Sequence[Value]) -> int:
        """A new generation, for nobody to see yet."""
        made = micros(datetime.now(UTC))
        cql = f"UPDATE {self._pointers} SET made = made + ? WHERE table_name = ? AND part = ?"
        await self._session.run(Statement(cql, ({ORIGINAL, made}, table.name, _text(partition))), WRITE)  # type: ignore[arg-type]
        return made

    async def show(self, table: Table, partition: Sequence[Value], generation: int) -> None:
        """Let readers see the generation in place of the one before; raises StoreError when it took too long."""
        if datetime.now(UTC) - _instant(generation) > _LONGEST_REPLACEMENT:
            msg = (
                f"Replacing {partition!r} of table {table.name} took over {_LONGEST_REPLACEMENT}; it is left as it was."
            )
            raise StoreError(msg)
        cql = f"UPDATE {self._pointers} SET current = ? WHERE table_name = ? AND part = ?"
        await self._session.run(Statement(cql, (generation, table.name, _text(partition))), WRITE)

    async def drop_old(self, tables: Sequence[Table], now: datetime) -> None:
        """Drop the generations that no reader and no writer can have in hand any more."""
        replaced = {table.name: table for table in tables if table.is_replaced}
        cql = f"SELECT table_name, part, current, made, WRITETIME(current) FROM {self._pointers}"
        for table_name, part, current, made, shown_at in await self._session.run(Statement(cql)):
            is_settled = current is not None and now - _instant(shown_at) > _LONGEST_READ
            old = [one for one in made or () if one != current and now - _instant(one) > _ABANDONED]
            if table_name in replaced and is_settled:
                for generation in old:
                    await self._drop(replaced[table_name], part, generation)

    async def _drop(self, table: Table, part: str, generation: int) -> None:
        drop = drop_cql(self._session.place.keyspace, table.name, table.partition)
        await self._session.run(Statement(drop, (*_values(table, part), generation)), WRITE)
        cql = f"UPDATE {self._pointers} SET made = made - ? WHERE table_name = ? AND part = ?"
        await self._session.run(Statement(cql, ({generation}, table.name, part)), WRITE)  # type: ignore[arg-type]


def _text(partition: Sequence[Value]) -> str:
    return json.dumps(partition, default=str, ensure_ascii=False)


def _values(table: Table, part: str) -> tuple[Any, ...]:
    values = zip(table.partition, json.loads(part), strict=True)
    return tuple(date.fromisoformat(value) if table.columns[column] == "date" else value for column, value in values)


def _instant(made: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + made * _MICROSECOND
