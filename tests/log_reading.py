"""Reading a log in tests: all of it, or until it holds what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, TypeVar

from pipeline.model import Record, Topic, decode
from pipeline.ports import Log

WAIT_SECONDS = 20.0

Kind = TypeVar("Kind", bound=Record)


async def read_until(log: Log, is_enough: Callable[[list[Record]], bool]) -> list[Record]:
    """All records in the log's order, once they are enough; fails when they aren't within WAIT_SECONDS."""
    records: list[Record] = []
    async with asyncio.timeout(WAIT_SECONDS), aclosing(log.subscribe(list(Topic), {})) as batches:
        async for batch in batches:
            records += [decode(stored.topic, stored.value) for stored in batch.records]
            if is_enough(records):
                return records
    return records


async def read_all(log: Log, count: int) -> list[Record]:
    """The log's ``count`` records."""
    return await read_until(log, lambda records: len(records) >= count)


def of(kind: type[Kind], records: list[Any]) -> list[Kind]:
    return [record for record in records if isinstance(record, kind)]
