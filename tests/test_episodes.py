"""For how long stations were empty or full, as the API answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.context import Context
from pipeline.tables import STATION_EPISODE
from tests.small_city import ask, fill, open_context, refusal

RANGE = 'from: "2026-11-16", to: "2026-11-17"'


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def episode(
    start: str, seconds: float, station_id: str = "g", state: str = "EMPTY", *, is_censored: bool = False
) -> dict[str, Any]:
    """``start`` is a day of November and a time in UTC, such as 16T09:00."""
    instant = datetime.fromisoformat(f"2026-11-{start}").replace(tzinfo=UTC)
    row = {"date": date(2026, 11, instant.day), "station_id": station_id, "state": state, "start": instant}
    return {**row, "seconds": seconds, "is_censored": is_censored}


async def fill_days(context: Context) -> None:
    await fill(
        context,
        STATION_EPISODE,
        episode("16T12:00", 60.0, state="FULL"),
        episode("16T09:00", 600.5),
        episode("17T10:00", 900.0, is_censored=True),
        episode("18T10:00", 9_000.0),
        episode("16T08:00", 600.5, "l"),
        episode("17T11:00", 30.0, "o", "FULL"),
        episode("16T00:00", 80_000.0, "gone"),
    )


async def test_a_station_tells_its_episodes_in_order_of_time(context: Context) -> None:
    await fill_days(context)
    fields = "station { name } state date start end seconds isCensored"
    answer = await ask(context, f'station(id: "g") {{ episodes({RANGE}) {{ {fields} }} }}')
    told = [tuple(one.values()) for one in answer["station"]["episodes"]]
    gare = {"name": "Gare"}
    noon, later = "2026-11-16T12:00:00.000Z", "2026-11-16T12:01:00.000Z"
    assert told == [
        (gare, "EMPTY", "2026-11-16", "2026-11-16T09:00:00.000Z", "2026-11-16T09:10:00.500Z", 600.5, False),
        (gare, "FULL", "2026-11-16", noon, later, 60.0, False),
        (gare, "EMPTY", "2026-11-17", "2026-11-17T10:00:00.000Z", "2026-11-17T10:15:00.000Z", 900.0, True),
    ]


async def test_only_episodes_of_the_states_asked_for_are_told(context: Context) -> None:
    await fill_days(context)
    answer = await ask(context, f'station(id: "g") {{ episodes({RANGE}, states: [FULL]) {{ seconds }} }}')
    assert answer == {"station": {"episodes": [{"seconds": 60.0}]}}
    answer = await ask(context, f"episodes({RANGE}, states: [FULL]) {{ station {{ id }} seconds }}")
    assert answer["episodes"] == [
        {"station": {"id": "g"}, "seconds": 60.0},
        {"station": {"id": "o"}, "seconds": 30.0},
    ]
    assert await ask(context, f"episodes({RANGE}, states: []) {{ seconds }}") == {"episodes": []}


async def test_a_system_tells_its_longest_episodes_first(context: Context) -> None:
    await fill_days(context)
    answer = await ask(context, f"episodes({RANGE}, first: 4) {{ station {{ id }} start seconds }}")
    assert [(one["station"]["id"], one["start"][8:16], one["seconds"]) for one in answer["episodes"]] == [
        ("g", "17T10:00", 900.0),
        ("l", "16T08:00", 600.5),
        ("g", "16T09:00", 600.5),
        ("g", "16T12:00", 60.0),
    ]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            'station(id: "g") { episodes(from: "2026-01-01", to: "2026-12-31") { state } }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 92 are answered at once.",
        ),
        (
            'episodes(from: "2026-01-01", to: "2026-12-31") { state }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 31 are answered at once.",
        ),
        (f"episodes({RANGE}, first: -1) {{ state }}", "first: -1 is not between 0 and 1000."),
    ],
)
async def test_ranges_too_long_are_refused(context: Context, asked: str, sentence: str) -> None:
    assert await refusal(context, asked) == (sentence, "BAD_INPUT")
