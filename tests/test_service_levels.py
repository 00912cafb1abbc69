from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.context import Context
from pipeline.ports import Row
from pipeline.service_level import Block
from pipeline.tables import STATION_SERVICE
from tests.service_rows import service_row
from tests.small_city import SYSTEM, ask, fill, open_context, refusal

MONDAY = date(2026, 11, 16)
FIGURES = "share keptSeconds observedSeconds askedSeconds coverage isKept"
MORNING = 'from: "2026-11-16", to: "2026-11-17", minBikes: 2, minDocks: 2, fromHour: 6, toHour: 8'


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def row(station_id: str, *blocks: Block, day: date = MONDAY) -> Row:
    """A row of station_service of that day."""
    return {"date": day, **service_row(station_id, *blocks)}


async def fill_two_days(context: Context) -> None:
    """The example of docs/metrics.md as station g, beside others; two days of two asked hours are 14,400 s."""
    morning = ((5, 5, 5, 3600), (6, 5, 3, 2700), (6, 1, 5, 600), (7, 2, -1, 1200), (7, 0, 5, 900), (7, 3, 4, 1500))
    await fill(
        context,
        STATION_SERVICE,
        row("g", *morning),
        row("l", (6, 5, 5, 3600)),
        row("l", (7, 5, 5, 1800), day=MONDAY + timedelta(days=1)),
        row("o", (20, 5, 5, 3600)),
        row("gone", (6, 0, 5, 900)),
        row("g", (6, 0, 0, 3600), day=MONDAY + timedelta(days=2)),
    )


async def test_the_network_is_the_sum_of_its_stations_and_the_least_share_comes_first(context: Context) -> None:
    await fill_two_days(context)
    told = "minBikes minDocks fromHour toHour weekdays target stationsKept stationsObserved"
    stations = f"stations {{ station {{ name }} {FIGURES} }}"
    answer = await ask(context, f"serviceLevel({MORNING}) {{ {told} {FIGURES} {stations} }}")
    assert answer["serviceLevel"] == {
        "minBikes": 2,
        "minDocks": 2,
        "fromHour": 6,
        "toHour": 8,
        "weekdays": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"],
        "target": 0.9,
        "stationsKept": 1,
        "stationsObserved": 4,
        **figures(9600.0, 12_000.0, 57_600.0, is_kept=False),
        "stations": [
            {"station": {"name": "Gare"}, **figures(4200.0, 5700.0, 14_400.0, is_kept=False)},
            {"station": {"name": "Liberté"}, **figures(5400.0, 5400.0, 14_400.0, is_kept=True)},
            {"station": {"name": "Océan"}, **figures(0.0, 0.0, 14_400.0, is_kept=None)},
        ],
    }


def figures(kept: float, observed: float, asked: float, is_kept: bool | None) -> dict[str, Any]:
    return {
        "share": kept / observed if observed else None,
        "keptSeconds": kept,
        "observedSeconds": observed,
        "askedSeconds": asked,
        "coverage": observed / asked,
        "isKept": is_kept,
    }


async def test_a_station_answers_for_itself(context: Context) -> None:
    await fill_two_days(context)
    selection = f'station(id: "g") {{ serviceLevel({MORNING}) {{ station {{ id }} {FIGURES} }} }}'
    level = (await ask(context, selection))["station"]["serviceLevel"]
    assert level == {"station": {"id": "g"}, **figures(4200.0, 5700.0, 14_400.0, is_kept=False)}


async def test_a_station_that_was_never_seen_has_no_share(context: Context) -> None:
    selection = f'station(id: "g") {{ serviceLevel({MORNING}) {{ {FIGURES} }} }}'
    level = (await ask(context, selection))["station"]["serviceLevel"]
    assert level == figures(0.0, 0.0, 14_400.0, is_kept=None)


async def test_a_network_that_was_never_seen_has_no_share(context: Context) -> None:
    answer = await ask(context, f"serviceLevel({MORNING}) {{ {FIGURES} stationsObserved stations {{ share }} }}")
    nothing = dict.fromkeys(("keptSeconds", "observedSeconds", "askedSeconds", "coverage"), 0.0)
    assert answer["serviceLevel"] == {"share": None, "isKept": None, "stationsObserved": 0, "stations": []} | nothing


async def test_other_days_of_the_week_are_not_looked_at(context: Context) -> None:
    await fill_two_days(context)
    arguments = 'from: "2026-11-10", to: "2026-11-18", weekdays: [SUNDAY, TUESDAY], minBikes: 5, minDocks: 0'
    selected = "weekdays stationsObserved stations { station { id } keptSeconds askedSeconds }"
    assert (await ask(context, f"serviceLevel({arguments}) {{ {selected} }}"))["serviceLevel"] == {
        "weekdays": ["TUESDAY", "SUNDAY"],
        "stationsObserved": 1,
        "stations": [{"station": {"id": "l"}, "keptSeconds": 1800.0, "askedSeconds": 259_200.0}],
    }


async def test_the_repeated_hour_of_the_autumn_day_is_asked_for_twice(context: Context) -> None:
    sunday = date(2026, 10, 25)
    await fill(context, STATION_SERVICE, row("g", (2, 3, 3, 5400), (2, 0, 3, 1800), day=sunday))
    arguments = 'from: "2026-10-25", to: "2026-10-25", fromHour: 2, toHour: 3, target: 0.75'
    answer = await ask(context, f'station(id: "g") {{ serviceLevel({arguments}) {{ {FIGURES} }} }}')
    assert answer["station"]["serviceLevel"] == figures(5400.0, 7200.0, 7200.0, is_kept=True)


RANGE = 'from: "2026-11-16", to: "2026-11-17"'


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (f"{RANGE}, minBikes: 6", "minBikes: 6 is not between 0 and 5, up to which service levels are exact."),
        (f"{RANGE}, fromHour: 22, toHour: 6", "from hour 22 to 6: it has to be 0 <= fromHour < toHour <= 24."),
        (f"{RANGE}, weekdays: []", "weekdays: [] holds no day; leave it out to ask for all."),
        (f"{RANGE}, target: 90", "target: 90.0 is not a share between 0 and 1."),
        ('from: "2026-11-17", to: "2026-11-16"', "from 2026-11-17 to 2026-11-16: from is after to."),
    ],
)
async def test_what_can_not_be_answered_is_refused(context: Context, arguments: str, sentence: str) -> None:
    assert await refusal(context, f"serviceLevel({arguments}) {{ share }}") == (sentence, "BAD_INPUT")
    selection = f'station(id: "g") {{ serviceLevel({arguments}) {{ share }} }}'
    assert await refusal(context, selection) == (sentence, "BAD_INPUT")


async def test_a_range_is_at_most_92_days_of_a_system_and_366_of_a_station(context: Context) -> None:
    quarter, year = 'from: "2026-01-01", to: "2026-04-03"', 'from: "2025-01-01", to: "2026-01-02"'
    assert await refusal(context, f"serviceLevel({quarter}) {{ share }}") == (
        "from 2026-01-01 to 2026-04-03 spans 93 days; at most 92 are answered at once.",
        "BAD_INPUT",
    )
    assert await refusal(context, f'station(id: "g") {{ serviceLevel({year}) {{ share }} }}') == (
        "from 2025-01-01 to 2026-01-02 spans 367 days; at most 366 are answered at once.",
        "BAD_INPUT",
    )


async def test_a_list_of_stations_is_at_most_1000_long(context: Context) -> None:
    sentence = "first: 1001 is not between 0 and 1000."
    assert await refusal(context, f"serviceLevel({RANGE}) {{ stations(first: 1001) {{ share }} }}") == (
        sentence,
        "BAD_INPUT",
    )


async def test_a_system_whose_time_zone_nobody_knows_is_refused(context: Context) -> None:
    system = context.live.systems[SYSTEM]
    assert system.information is not None
    system.information = msgspec.structs.replace(system.information, time_zone="Mars/Olympus")
    message, code = await refusal(context, f"serviceLevel({RANGE}) {{ share }}")
    assert code == "BAD_INPUT"
    assert message.startswith("brest: 'Mars/Olympus' is not a time zone")
