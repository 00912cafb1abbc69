"""What held of a station, month by month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from backend.changes import Changes
from backend.context import Context
from pipeline.model import StationState
from pipeline.tables import STATION_HISTORY
from tests.small_city import SYSTEM, fill, minutes, open_context, status

OCTOBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        context.live.systems[SYSTEM].statuses.clear()
        yield context


async def see(context: Context, polled_at: datetime, bikes: int, before: datetime | None = None) -> None:
    """The station g has so many bikes; it was last seen ``before``."""
    row = msgspec.structs.asdict(status("g", bikes, 10, polled_at, seen_before=before))
    month = polled_at.year * 100 + polled_at.month
    await fill(context, STATION_HISTORY, {name: ({**row, "month": month})[name] for name in STATION_HISTORY.columns})


async def steps(context: Context, start: datetime, end: datetime) -> list[list[tuple[datetime, int | None]]]:
    """Of each month in which something began: since when how many bikes were there; None in a gap."""
    found = Changes(context, SYSTEM, "g").steps(start, end)
    return [[(one.since, None if one.is_gap else one.record.bikes) for one in month] async for month in found]


async def test_what_ends_a_month_holds_into_the_next(context: Context) -> None:
    await see(context, OCTOBER, 4)
    await see(context, NOVEMBER + minutes(1), 5, OCTOBER)
    await see(context, NOVEMBER + minutes(2), 6, NOVEMBER + minutes(1))
    assert await steps(context, OCTOBER, NOVEMBER + minutes(3)) == [
        [(OCTOBER, 4), (NOVEMBER + minutes(1), 5)],
        [(NOVEMBER + minutes(2), 6)],
    ]


async def test_a_gap_over_the_end_of_a_month_is_told_once(context: Context) -> None:
    await see(context, OCTOBER, 4)
    await see(context, NOVEMBER + minutes(30), 4, OCTOBER)
    told = [one for month in await steps(context, OCTOBER, NOVEMBER + minutes(31)) for one in month]
    assert told == [(OCTOBER, 4), (OCTOBER + minutes(3), None), (NOVEMBER + minutes(30), 4)]


async def test_what_held_at_the_start_may_be_of_months_before(context: Context) -> None:
    await see(context, datetime(2026, 3, 5, tzinfo=UTC), 4)
    ((since, _),) = (await steps(context, OCTOBER, NOVEMBER + minutes(1)))[0]
    assert since == datetime(2026, 3, 5, tzinfo=UTC) + minutes(3)


async def test_a_gap_is_unknown_and_a_station_never_seen_has_no_steps(context: Context) -> None:
    assert await steps(context, OCTOBER, NOVEMBER) == []
    await see(context, OCTOBER, 4)
    last = [month async for month in Changes(context, SYSTEM, "g").steps(OCTOBER, NOVEMBER + minutes(9))][-1]
    assert [(step.state, step.is_gap) for step in last] == [
        (StationState.NORMAL, False),
        (StationState.UNKNOWN, True),
    ]
