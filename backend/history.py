"""What was seen over time: a station's changes, with the unknown time between them, and the network's polls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import chain
from typing import cast

import msgspec

from backend.changes import Changes, Step
from backend.context import Context
from backend.ranges import check_instants, days, gather
from backend.scalars import BadInput
from backend.series import Point, Series, check_points
from backend.types.network import NetworkStatus
from backend.types.status import StationStatus
from pipeline.ports import Row
from pipeline.tables import NETWORK_HISTORY, STATION_HISTORY

MOST_DAYS = 31
MOST_SERIES_DAYS = 366
MOST_POINTS = 10_000

# What a series tells; the rest of a year's rows need not be read.
_SERIES_COLUMNS = tuple(name for name in STATION_HISTORY.columns if name not in ("month", "last_reported"))


async def station_history(
    context: Context, system_id: str, station_id: str, start: datetime, end: datetime
) -> list[StationStatus]:
    """The station's states on [start, end): first what held at start, then each change.

    Where an observation stopped being trusted before the next one there is an entry in state UNKNOWN at that
    instant. Raises BadInput.
    """
    check_instants(start, end, MOST_DAYS)
    return [_entry(step) async for steps in Changes(context, system_id, station_id).steps(start, end) for step in steps]


def _entry(step: Step) -> StationStatus:
    if step.is_gap:
        return StationStatus.unknown(step.record, step.since)
    return StationStatus.of(step.record, step.state)


async def station_series(
    context: Context, system_id: str, station_id: str, start: datetime, end: datetime, most: int
) -> list[Point]:
    """The station's history on [start, end) in at most so many points (`backend/series.py`); raises BadInput."""
    check_instants(start, end, MOST_SERIES_DAYS)
    check_points(most)
    series = Series(start, end, most)
    async for steps in Changes(context, system_id, station_id, _SERIES_COLUMNS).steps(start, end):
        # A month can have ten thousand changes.
        await asyncio.to_thread(_take, series, steps)
    return series.points()


def _take(series: Series, steps: Iterable[Step]) -> None:
    series.take([_point(step) for step in steps])


def _point(step: Step) -> Point:
    record = step.record
    if step.is_gap:
        return Point(step.since, step.state, None, None)
    return Point(step.since, step.state, record.bikes, record.docks)


async def network_history(
    context: Context, system_id: str, start: datetime, end: datetime, step_seconds: int | None
) -> list[NetworkStatus]:
    """The network's totals in each poll on [start, end), or in the last poll of each step counted from start.

    A step without a poll has no entry. Raises BadInput.
    """
    check_instants(start, end, MOST_DAYS)
    if step_seconds is not None and step_seconds < 1:
        msg = f"stepSeconds: {step_seconds} is not at least 1."
        raise BadInput(msg)
    rows = await _network_rows(context, system_id, start, end)
    if step_seconds is not None:
        rows = _last_of_steps(rows, start, step_seconds)
    _check_points(len(rows), start, end)
    return [NetworkStatus.of_row(row) for row in rows]


async def _network_rows(context: Context, system_id: str, start: datetime, end: datetime) -> list[Row]:
    async def read(day: date) -> list[Row]:
        return await context.store.read(NETWORK_HISTORY, (system_id, day), lower=start, upper=end)

    last = (end - timedelta(microseconds=1)).date()
    rows = list(chain.from_iterable(await gather(read, days(start.date(), last, MOST_DAYS + 1))))
    newest = context.live.systems[system_id].network
    if newest is not None and start <= newest.polled_at < end and (not rows or _polled_at(rows[-1]) < newest.polled_at):
        rows.append(msgspec.structs.asdict(newest))
    return rows


def _last_of_steps(rows: list[Row], start: datetime, step_seconds: int) -> list[Row]:
    step = timedelta(seconds=step_seconds)
    return list({(_polled_at(row) - start) // step: row for row in rows}.values())


def _polled_at(row: Row) -> datetime:
    return cast(datetime, row["polled_at"])


def _check_points(count: int, start: datetime, end: datetime) -> None:
    if count > MOST_POINTS:
        least = int((end - start).total_seconds() // MOST_POINTS) + 1
        msg = f"{count} points are more than the {MOST_POINTS} answered at once: give stepSeconds of {least} or more."
        raise BadInput(msg)
