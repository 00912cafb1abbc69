"""A store that is held to what every store promises, and rows for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from pipeline.ports import Row, Store, Value
from pipeline.tables import TABLES, Table
from pipeline.wiring import open_store

NOON = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)


def station(station_id: str, *, after: float = 0, **columns: Value) -> Row:
    return {
        "system_id": "brest",
        "station_id": station_id,
        "polled_at": NOON + timedelta(seconds=after),
        **columns,
    }


def change(station_id: str, after: float, bikes: int | None = None) -> Row:
    return {**station(station_id, after=after, bikes=bikes), "month": 202611}


def whole(table: Table, row: Row) -> Row:
    """The row with every column of the table; what is not given is unknown."""
    return {column: row.get(column) for column in table.columns}


@asynccontextmanager
async def opened(store_url: str) -> AsyncIterator[Store]:
    """The store, with every table."""
    async with open_store(store_url) as store:
        await store.create(TABLES)
        yield store
