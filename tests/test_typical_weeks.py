from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.context import Context
from pipeline.tables import STATION_HOUR
from tests.small_city import NOW, ask, fill, open_context, refusal

FIGURES = """weekday hour weeks observedSeconds coverage bikesMean bikesMin bikesLowQuartile bikesMedian
    bikesHighQuartile bikesMax docksMean docksMin docksLowQuartile docksMedian docksHighQuartile docksMax"""


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def morning(day: date, bikes: float, seconds: float = 3600.0, station_id: str = "g") -> dict[str, Any]:
    """The hour from 8 to 9, local, with bikes around the mean and unknown docks."""
    counts = {"bikes_mean": bikes, "bikes_min": int(bikes) - 1, "bikes_max": int(bikes) + 2}
    start = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
    place = {"date": day, "station_id": station_id, "start": start, "hour": 8}
    return {**place, **counts, "observed_seconds": seconds, "coverage": seconds / 3600}


async def typical_hour(context: Context, arguments: str, weekday: str) -> dict[str, Any]:
    answer = await ask(context, f'station(id: "g") {{ typicalWeek{arguments} {{ {FIGURES} }} }}')
    week = answer["station"]["typicalWeek"]
    assert len(week) == 168
    (found,) = [one for one in week if (one["weekday"], one["hour"]) == (weekday, 8)]
    return dict(found)


async def test_a_week_is_typical_of_the_last_ones(context: Context) -> None:
    await fill(
        context,
        STATION_HOUR,
        morning(date(2026, 11, 16), 4.0),
        morning(date(2026, 11, 9), 10.0, 1800.0),
        morning(date(2026, 11, 2), 6.0),
        morning(date(2026, 11, 9), 50.0, station_id="l"),
        morning(date(2026, 10, 19), 90.0),
    )
    assert await typical_hour(context, "(weeks: 4)", "MONDAY") == {
        "weekday": "MONDAY",
        "hour": 8,
        "weeks": 3,
        "observedSeconds": 9000.0,
        "coverage": 0.625,
        "bikesMean": 6.0,
        "bikesMin": 3,
        "bikesLowQuartile": 5.0,
        "bikesMedian": 6.0,
        "bikesHighQuartile": 8.0,
        "bikesMax": 12,
        **dict.fromkeys(("docksMean", "docksMin", "docksLowQuartile", "docksMedian", "docksHighQuartile", "docksMax")),
    }


async def test_eight_weeks_end_yesterday_unless_something_else_is_asked_for(context: Context) -> None:
    days = (date(2026, 9, 25), date(2026, 9, 24), date(2026, 11, 19), date(2026, 11, 20))
    await fill(context, STATION_HOUR, *[morning(day, 3.0) for day in days])
    assert NOW.date() == date(2026, 11, 20)
    assert (await typical_hour(context, "", "THURSDAY"))["weeks"] == 1
    assert (await typical_hour(context, "", "FRIDAY"))["weeks"] == 1
    today = await typical_hour(context, '(weeks: 1, to: "2026-11-20")', "FRIDAY")
    assert (today["weeks"], today["coverage"]) == (1, 1.0)


async def test_yesterday_is_that_of_the_system_s_clock(tmp_path: Path) -> None:
    async with open_context(tmp_path, now=datetime(2026, 11, 20, 23, 30, tzinfo=UTC)) as context:
        await fill(context, STATION_HOUR, morning(date(2026, 11, 20), 3.0))
        assert (await typical_hour(context, "(weeks: 1)", "FRIDAY"))["weeks"] == 1


async def test_a_year_of_weeks_is_answered(context: Context) -> None:
    await fill(context, STATION_HOUR, morning(date(2025, 11, 21), 3.0))
    assert (await typical_hour(context, "(weeks: 52)", "FRIDAY"))["coverage"] == 1 / 52


@pytest.mark.parametrize("weeks", [0, 53])
async def test_other_numbers_of_weeks_are_refused(context: Context, weeks: int) -> None:
    sentence = f"weeks: {weeks} is not between 1 and 52."
    selection = f'station(id: "g") {{ typicalWeek(weeks: {weeks}) {{ hour }} }}'
    assert await refusal(context, selection) == (sentence, "BAD_INPUT")
