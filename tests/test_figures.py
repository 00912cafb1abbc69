"""What the batch computed of hours and days, as the API answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backend.context import Context
from backend.schema import schema
from pipeline.metrics import NETWORK_METRICS
from pipeline.tables import NETWORK_DAY, NETWORK_HOUR, STATION_DAY, STATION_HOUR
from tests.figure_rows import ANSWERED, NETWORK_FIGURES, NOTHING_OBSERVED, SELECTED, answered, day, hour, selection
from tests.small_city import ask, fill, open_context, refusal


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


async def test_hours_are_local_and_carry_every_figure(context: Context) -> None:
    monday = date(2026, 11, 16)
    first, last = datetime(2026, 11, 15, 23, tzinfo=UTC), datetime(2026, 11, 16, 22, tzinfo=UTC)
    await fill(context, STATION_HOUR, hour(monday, last, 23), hour(monday, first, 0), hour(monday, first, 0, "l"))
    asked = f'hours(from: "2026-11-15", to: "2026-11-16") {{ start date hour {SELECTED} }}'
    assert await ask(context, f'station(id: "g") {{ {asked} }}') == {
        "station": {
            "hours": [
                {"start": "2026-11-15T23:00:00.000Z", "date": "2026-11-16", "hour": 0, **ANSWERED},
                {"start": "2026-11-16T22:00:00.000Z", "date": "2026-11-16", "hour": 23, **ANSWERED},
            ]
        }
    }


async def test_the_hour_that_comes_twice_is_answered_twice(context: Context) -> None:
    sunday = date(2026, 10, 25)
    before, after = datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
    await fill(context, STATION_HOUR, hour(sunday, before, 2), hour(sunday, after, 2))
    asked = 'station(id: "g") { hours(from: "2026-10-25", to: "2026-10-25") { start hour } }'
    assert (await ask(context, asked))["station"]["hours"] == [
        {"start": "2026-10-25T00:00:00.000Z", "hour": 2},
        {"start": "2026-10-25T01:00:00.000Z", "hour": 2},
    ]


async def test_an_hour_without_observation_has_no_shares(context: Context) -> None:
    monday, start = date(2026, 11, 16), datetime(2026, 11, 16, 9, tzinfo=UTC)
    await fill(context, STATION_HOUR, hour(monday, start, 10, **NOTHING_OBSERVED))
    asked = 'station(id: "g") { hours(from: "2026-11-16", to: "2026-11-16") { coverage emptyShare fullShare } }'
    answer = await ask(context, asked)
    assert answer["station"]["hours"] == [{"coverage": 0.0, "emptyShare": None, "fullShare": None}]


async def test_days_of_a_station_are_in_order_of_time_with_their_station(context: Context) -> None:
    await fill(context, STATION_DAY, day(17), day(16), day(18), day(17, "l"))
    asked = f'days(from: "2026-11-16", to: "2026-11-17") {{ station {{ name }} date {SELECTED} }}'
    assert await ask(context, f'station(id: "g") {{ {asked} }}') == {
        "station": {
            "days": [
                {"station": {"name": "Gare"}, "date": "2026-11-16", **ANSWERED},
                {"station": {"name": "Gare"}, "date": "2026-11-17", **ANSWERED},
            ]
        }
    }


async def test_a_day_of_all_stations_leaves_out_those_that_are_not_declared(context: Context) -> None:
    await fill(context, STATION_DAY, day(16, "o"), day(16, "g", bikes_mean=1.0), day(16, "gone"), day(17, "l"))
    answer = await ask(context, 'stationDays(date: "2026-11-16") { station { id } date bikesMean }')
    assert answer["stationDays"] == [
        {"station": {"id": "g"}, "date": "2026-11-16", "bikesMean": 1.0},
        {"station": {"id": "o"}, "date": "2026-11-16", "bikesMean": 3.5},
    ]


def network(more: str) -> str:
    return f"{selection(NETWORK_METRICS)} polls {more}"


async def test_days_of_the_network_carry_every_figure(context: Context) -> None:
    row = {"polls": 1440, **NETWORK_FIGURES}
    await fill(context, NETWORK_DAY, *[{"date": date(2026, 11, number), **row} for number in (15, 16, 17)])
    asked = f'networkDays(from: "2026-11-16", to: "2026-11-16") {{ {network("date")} }}'
    assert await ask(context, asked) == {"networkDays": [{"date": "2026-11-16", **answered(row)}]}


async def test_hours_of_the_network_carry_every_figure(context: Context) -> None:
    row = {"polls": 60, **NETWORK_FIGURES}
    starts = [datetime(2026, 11, 15, hour, tzinfo=UTC) for hour in (22, 23)]
    await fill(
        context,
        NETWORK_HOUR,
        {"date": date(2026, 11, 16), "start": starts[1], "hour": 0, **row},
        {"date": date(2026, 11, 15), "start": starts[0], "hour": 23, **row},
        {"date": date(2026, 11, 14), "start": starts[0], "hour": 23, **row},
    )
    asked = f'networkHours(from: "2026-11-15", to: "2026-11-16") {{ {network("start date hour")} }}'
    assert (await ask(context, asked))["networkHours"] == [
        {"start": "2026-11-15T22:00:00.000Z", "date": "2026-11-15", "hour": 23, **answered(row)},
        {"start": "2026-11-15T23:00:00.000Z", "date": "2026-11-16", "hour": 0, **answered(row)},
    ]


async def test_figures_that_a_row_does_not_know_are_null(context: Context) -> None:
    old = {"polls": 1, "observed_seconds": 60.0, "coverage": 0.5}
    await fill(context, NETWORK_DAY, {"date": date(2026, 11, 16), **old})
    selected = "polls coverage fleetMean stationsUnusableMax unknownSeconds vehiclesObservedSeconds"
    answer = await ask(context, f'networkDays(from: "2026-11-16", to: "2026-11-16") {{ {selected} }}')
    unknown = dict.fromkeys(("fleetMean", "stationsUnusableMax", "unknownSeconds", "vehiclesObservedSeconds"))
    assert answer["networkDays"] == [{"polls": 1, "coverage": 0.5, **unknown}]


async def test_only_what_is_asked_is_read_also_through_fragments(context: Context) -> None:
    await fill(context, STATION_DAY, day(16, bikes_max=9))
    query = """query($from: Date!) { system(id: "brest") { station(id: "g") {
        days(from: $from, to: "2026-11-16") { ... on StationFigures { most: bikesMax } ...rest } } } }
        fragment rest on StationDay { emptyShare ... { arrivals } }"""
    answer = await schema.execute(query, context_value=context, variable_values={"from": "2026-11-16"})
    assert answer.errors is None
    assert answer.data is not None
    assert answer.data["system"]["station"]["days"] == [
        {"most": 9, "emptyShare": 0.5, "arrivals": ANSWERED["arrivals"]}
    ]


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (
            'station(id: "g") { hours(from: "2026-11-17", to: "2026-11-16") { hour } }',
            "from 2026-11-17 to 2026-11-16: from is after to.",
        ),
        (
            'station(id: "g") { hours(from: "2026-01-01", to: "2026-12-31") { hour } }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 31 are answered at once.",
        ),
        (
            'station(id: "g") { days(from: "2026-01-01", to: "2026-12-31") { date } }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 92 are answered at once.",
        ),
        (
            'ranking(metric: BIKES_MIN, from: "2026-01-01", to: "2026-12-31") { rank }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 92 are answered at once.",
        ),
        (
            'ranking(metric: BIKES_MIN, from: "2026-01-01", to: "2026-01-01", first: 1001) { rank }',
            "first: 1001 is not between 0 and 1000.",
        ),
        (
            'networkHours(from: "2026-01-01", to: "2026-12-31") { hour }',
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 31 are answered at once.",
        ),
        (
            'networkDays(from: "2025-01-01", to: "2026-12-31") { date }',
            "from 2025-01-01 to 2026-12-31 spans 730 days; at most 366 are answered at once.",
        ),
        (
            'networkDays(from: "2026-11-17", to: "2026-11-16") { date }',
            "from 2026-11-17 to 2026-11-16: from is after to.",
        ),
    ],
)
async def test_ranges_of_days_reversed_or_too_long_are_refused(context: Context, selection: str, sentence: str) -> None:
    assert await refusal(context, selection) == (sentence, "BAD_INPUT")


async def test_the_longest_range_of_days_is_answered(context: Context) -> None:
    last = date(2026, 11, 16)
    await fill(context, STATION_DAY, day(16))
    first = last - timedelta(days=91)
    answer = await ask(context, f'station(id: "g") {{ days(from: "{first}", to: "{last}") {{ date }} }}')
    assert answer == {"station": {"days": [{"date": "2026-11-16"}]}}
