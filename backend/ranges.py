"""Bounded ranges of time as arguments, and bounded reads of the partitions that they touch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from typing import TypeVar

from backend.scalars import BadInput, print_instant

READS_AT_ONCE = 16

Part = TypeVar("Part")
Answer = TypeVar("Answer")


def check_instants(start: datetime, end: datetime, most_days: int) -> None:
    """Raises BadInput unless start < end and they are at most so many days apart."""
    shown = f"from {print_instant(start)} to {print_instant(end)}"
    if start >= end:
        msg = f"{shown}: from is not before to."
        raise BadInput(msg)
    if end - start > timedelta(days=most_days):
        msg = f"{shown} spans {(end - start) / timedelta(days=1):.1f} days; at most {most_days} are answered at once."
        raise BadInput(msg)


def days(first: date, last: date, most_days: int) -> list[date]:
    """Every day from first to last, both included; raises BadInput when they are reversed or too many."""
    count = (last - first).days + 1
    if count < 1:
        msg = f"from {first} to {last}: from is after to."
        raise BadInput(msg)
    if count > most_days:
        msg = f"from {first} to {last} spans {count} days; at most {most_days} are answered at once."
        raise BadInput(msg)
    return [first + timedelta(days=number) for number in range(count)]


def months(start: datetime, end: datetime) -> list[int]:
    """The UTC months from start's to end's, both included, as 202611."""
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [number // 12 * 100 + number % 12 + 1 for number in range(first, last + 1)]


async def gather(read: Callable[[Part], Awaitable[Answer]], parts: Iterable[Part]) -> list[Answer]:
    """Read all parts, so many at once; the answers are in the order of the parts."""
    places = asyncio.Semaphore(READS_AT_ONCE)

    async def one(part: Part) -> Answer:
        async with places:
            return await read(part)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(part)) for part in parts]
    return [task.result() for task in tasks]
