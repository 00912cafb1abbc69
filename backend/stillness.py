"""Whether a system's counts stand still in hours in which they moved on the days before, by the store's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from pipeline.ports import Row, Store, Value
from pipeline.tables import NETWORK_HISTORY

DAYS = 7
"""How many days before are looked at."""

PARTS = 3
"""In each of so many parts of the time something must have moved for it to be a time in which things move."""

TOTALS = (
    "bikes",
    "docks",
    "bikes_disabled",
    "docks_disabled",
    "stations_reporting",
    "stations_empty",
    "stations_full",
    "stations_closed",
)
COLUMNS = ("polled_at", "hold_seconds", *TOTALS)


async def observed_stillness(store: Store, system_id: str, now: datetime) -> tuple[datetime, float] | None:
    """Since when the totals have not changed, within the last day, and how many seconds of that were observed.

    None when nothing was polled. Raises StoreError.
    """
    rows = await _rows(store, system_id, now - timedelta(days=1), now)
    if not rows:
        return None
    since, seconds = _polled_at(rows[-1]), 0.0
    for after, before in pairwise(reversed(rows)):
        if _differ(before, after):
            break
        since = _polled_at(before)
        seconds += min((_polled_at(after) - since).total_seconds(), float(str(before["hold_seconds"])))
    return since, seconds


async def days_that_moved(store: Store, system_id: str, start: datetime, end: datetime) -> tuple[int, int]:
    """On how many of the days before the totals moved all through these hours, and how many were seen.

    Raises StoreError.
    """
    verdicts = [
        _moves_throughout(await _rows(store, system_id, start - back, end - back), start - back, end - back)
        for back in (timedelta(days=days) for days in range(1, DAYS + 1))
    ]
    return verdicts.count(True), len(verdicts) - verdicts.count(None)


def _moves_throughout(rows: Sequence[Row], start: datetime, end: datetime) -> bool | None:
    """Whether something moves in each part of the time; None when a part was not seen."""
    part = (end - start) / PARTS
    parts = [
        [row for row in rows if start + number * part <= _polled_at(row) < start + (number + 1) * part]
        for number in range(PARTS)
    ]
    if any(len(seen) < 2 for seen in parts):
        return None
    return all(any(_differ(before, after) for before, after in pairwise(seen)) for seen in parts)


async def _rows(store: Store, system_id: str, start: datetime, end: datetime) -> list[Row]:
    rows: list[Row] = []
    for day in _days(start, end):
        place: tuple[Value, ...] = (system_id, day)
        rows += await store.read(NETWORK_HISTORY, place, lower=start, upper=end, columns=COLUMNS)
    return rows


def _days(start: datetime, end: datetime) -> list[date]:
    first = start.date()
    return [first + timedelta(days=number) for number in range((end.date() - first).days + 1)]


def _differ(before: Row, after: Row) -> bool:
    return any(before[name] != after[name] for name in TOTALS)


def _polled_at(row: Row) -> datetime:
    instant = row["polled_at"]
    assert isinstance(instant, datetime)
    return instant
