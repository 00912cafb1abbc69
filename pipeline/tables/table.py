"""What a table of the store is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["text", "long", "double", "boolean", "timestamp", "date"]


@dataclass(frozen=True, eq=False)
class Table:
    """A table: rows keyed by ``partition`` (read as one) and, within it, ordered by ``clustering``.

    With ``newest_by`` an upsert never replaces a row whose value in that column is greater. Rows older than
    ``ttl_days`` (by their writing) may be removed by the engine. ``is_replaced``: its partitions may be replaced
    as wholes, which costs an engine without transactions a look-up at every read.
    """

    name: str
    description: str
    columns: Mapping[str, ColumnType]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    newest_by: str | None = None
    ttl_days: int | None = None
    is_replaced: bool = False
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        return self.partition + self.clustering
