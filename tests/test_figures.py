from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.context import Context
from backend.types.figures import StationMetric
from pipeline.tables import NETWORK_DAY, STATION_DAY, STATION_HOUR
from tests.small_city import SYSTEM, ask, fill, open_context, refusal

FIGURES: dict[str, Any] = {
    "bikes_mean": 3.5,
    "bikes_min": 0,
    "bikes_max": 7,
    "docks_mean": None,
    "docks_min": None,
    "docks_max": None,
    "empty_seconds": 900.0,
    "full_seconds": 0.0,
    "closed_seconds": 60.0,
    "observed_seconds": 1800.0,
    "coverage": 0.5,
    "hold_seconds": 180.0,
}
SELECTED = """bikesMean bikesMin bikesMax docksMean docksMin docksMax emptySeconds fullSeconds closedSeconds
    observedSeconds coverage holdSeconds emptyShare fullShare"""
ANSWERED = {
    "bikesMean": 3.5,
    "bikesMin": 0,
    "bikesMax": 7,
    "docksMean": None,
    "docksMin": None,
    "docksMax": None,
    "emptySeconds": 900.0,
    "fullSeconds": 0.0,
    "closedSeconds": 60.0,
    "observedSeconds": 1800.0,
    "coverage": 0.5,
    "holdSeconds": 180.0,
    "emptyShare": 0.5,
    "fullShare": 0.0,
}
NOTHING_OBSERVED: dict[str, Any] = {
    "bikes_mean": None,
    "bikes_min": None,
    "bikes_max": None,
    "empty_seconds": 0.0,
    "closed_seconds": 0.0,
    "observed_seconds": 0.0,
    "coverage": 0.0,
    "hold_seconds": None,
}


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def hour(day: date, start: datetime, local: int, station_id: str = "g", **more: Any) -> dict[str, Any]:
    return {"date": day, "station_id": station_id, "start": start, "hour": local, **FIGURES, **more}


def day(number: int, station_id: str = "g", **more: Any) -> dict[str, Any]:
    return {"date": date(2026, 11, number), "station_id": station_id, **FIGURES, "capacity_seen": 12, **more}


async def test_hours_are_local_and_carry_every_figure(context: Context) -> None:
    monday = date(2026, 11, 16)
    first, last = datetime(2026, 11, 15, 23, tzinfo=UTC), datetime(2026, 11, 16, 22, tzinfo=UTC)
    await fill(context, STATION_HOUR, hour(monday, last, 23), hour(monday, first, 0), hour(monday, first, 0, "l"))
    selection = f'hours(from: "2026-11-15", to: "2026-11-16") {{ start date hour {SELECTED} }}'
    assert await ask(context, f'station(id: "g") {{ {selection} }}') == {
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
    selection = 'station(id: "g") { hours(from: "2026-10-25", to: "2026-10-25") { start hour } }'
    assert (await ask(context, selection))["station"]["hours"] == [
        {"start": "2026-10-25T00:00:00.000Z", "hour": 2},
        {"start": "2026-10-25T01:00:00.000Z", "hour": 2},
    ]


async def test_an_hour_without_observation_has_no_shares(context: Context) -> None:
    monday, start = date(2026, 11, 16), datetime(2026, 11, 16, 9, tzinfo=UTC)
    await fill(context, STATION_HOUR, hour(monday, start, 10, **NOTHING_OBSERVED))
    selection = 'station(id: "g") { hours(from: "2026-11-16", to: "2026-11-16") { coverage emptyShare fullShare } }'
    answer = await ask(context, selection)
    assert answer["station"]["hours"] == [{"coverage": 0.0, "emptyShare": None, "fullShare": None}]


async def test_days_of_a_station_are_in_order_of_time_with_their_station(context: Context) -> None:
    await fill(context, STATION_DAY, day(17), day(16), day(18), day(17, "l"))
    selection = f'days(from: "2026-11-16", to: "2026-11-17") {{ station {{ name }} date {SELECTED} }}'
    assert await ask(context, f'station(id: "g") {{ {selection} }}') == {
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


async def test_days_of_the_network_carry_every_figure(context: Context) -> None:
    row: dict[str, Any] = {
        "polls": 1440,
        "bikes_mean": 10.5,
        "bikes_min": 8,
        "bikes_max": 12,
        "docks_mean": 20.25,
        "docks_min": 18,
        "docks_max": 23,
        "stations_empty_mean": 1.5,
        "stations_full_mean": 0.25,
        "stations_closed_mean": 0.0,
        "empty_share": 0.5,
        "full_share": 0.125,
        "observed_seconds": 86400.0,
        "coverage": 1.0,
        "hold_seconds": 180.0,
    }
    await fill(context, NETWORK_DAY, *[{"date": date(2026, 11, number), **row} for number in (15, 16, 17)])
    selection = """networkDays(from: "2026-11-16", to: "2026-11-16") { date polls bikesMean bikesMin bikesMax
        docksMean docksMin docksMax stationsEmptyMean stationsFullMean stationsClosedMean emptyShare fullShare
        observedSeconds coverage holdSeconds }"""
    assert await ask(context, selection) == {
        "networkDays": [
            {
                "date": "2026-11-16",
                "polls": 1440,
                "bikesMean": 10.5,
                "bikesMin": 8,
                "bikesMax": 12,
                "docksMean": 20.25,
                "docksMin": 18,
                "docksMax": 23,
                "stationsEmptyMean": 1.5,
                "stationsFullMean": 0.25,
                "stationsClosedMean": 0.0,
                "emptyShare": 0.5,
                "fullShare": 0.125,
                "observedSeconds": 86400.0,
                "coverage": 1.0,
                "holdSeconds": 180.0,
            }
        ]
    }


async def ranking(context: Context, metric: str, more: str = "") -> list[tuple[str, float]]:
    arguments = f'metric: {metric}, from: "2026-11-16", to: "2026-11-17"{more}'
    ranks = (await ask(context, f"ranking({arguments}) {{ rank station {{ id }} value }}"))["ranking"]
    assert [one["rank"] for one in ranks] == list(range(1, len(ranks) + 1))
    return [(one["station"]["id"], one["value"]) for one in ranks]


async def fill_two_days(context: Context) -> None:
    """Of l little was seen on the second day, of o nothing but on the first, of x nothing at all."""
    long, short = {"observed_seconds": 80_000.0}, {"observed_seconds": 20_000.0, "coverage": 20_000 / 86_400}
    await fill(
        context,
        STATION_DAY,
        day(16, "g", empty_seconds=8_000.0, bikes_min=2, **long),
        day(17, "g", empty_seconds=8_000.0, bikes_min=4, bikes_max=9, bikes_mean=5.5, **long),
        day(16, "l", empty_seconds=0.0, bikes_mean=1.0, **long),
        day(17, "l", empty_seconds=20_000.0, bikes_mean=11.0, docks_mean=4.0, **short),
        day(16, "o", empty_seconds=10_000.0, full_seconds=500.0, **short),
        day(17, "o", **NOTHING_OBSERVED),
        day(16, "x", **NOTHING_OBSERVED),
        day(16, "gone", **long),
        day(18, "g", empty_seconds=80_000.0, **long),
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("EMPTY_SHARE", [("o", 0.5), ("l", 0.2), ("g", 0.1)]),
        ("FULL_SHARE", [("o", 0.025), ("g", 0.0), ("l", 0.0)]),
        ("CLOSED_SHARE", [("o", 0.003), ("l", 0.0012), ("g", 0.00075)]),
        ("EMPTY_SECONDS", [("l", 20_000.0), ("g", 16_000.0), ("o", 10_000.0)]),
        ("FULL_SECONDS", [("o", 500.0), ("g", 0.0), ("l", 0.0)]),
        ("CLOSED_SECONDS", [("g", 120.0), ("l", 120.0), ("o", 60.0)]),
        ("OBSERVED_SECONDS", [("g", 160_000.0), ("l", 100_000.0), ("o", 20_000.0)]),
        ("BIKES_MEAN", [("g", 4.5), ("o", 3.5), ("l", 3.0)]),
        ("BIKES_MIN", [("g", 2.0), ("l", 0.0), ("o", 0.0)]),
        ("BIKES_MAX", [("g", 9.0), ("l", 7.0), ("o", 7.0)]),
        ("DOCKS_MEAN", [("l", 4.0)]),
        ("DOCKS_MIN", []),
        ("DOCKS_MAX", []),
    ],
)
async def test_days_are_put_together_by_their_observed_time(
    context: Context, metric: str, expected: list[tuple[str, float]]
) -> None:
    await fill_two_days(context)
    ranked = await ranking(context, metric)
    assert [station_id for station_id, _ in ranked] == [station_id for station_id, _ in expected]
    assert [value for _, value in ranked] == pytest.approx([value for _, value in expected])


def test_every_metric_of_the_ranking_is_tested() -> None:
    (cases,) = [
        mark.args[1]
        for mark in test_days_are_put_together_by_their_observed_time.pytestmark  # type: ignore[attr-defined]  # set by parametrize
    ]
    assert [metric for metric, _ in cases] == [metric.name for metric in StationMetric]


async def test_a_ranking_says_how_much_was_observed(context: Context) -> None:
    await fill_two_days(context)
    arguments = 'metric: EMPTY_SHARE, from: "2026-11-16", to: "2026-11-17", first: 2'
    answer = await ask(context, f"ranking({arguments}) {{ station {{ name }} coverage observedSeconds }}")
    assert answer["ranking"] == [
        {"station": {"name": "Océan"}, "coverage": pytest.approx(20_000 / 172_800), "observedSeconds": 20_000.0},
        {"station": {"name": "Liberté"}, "coverage": pytest.approx(100_000 / 172_800), "observedSeconds": 100_000.0},
    ]


async def test_the_coverage_of_a_day_with_25_hours_is_of_25_hours(context: Context) -> None:
    await fill(context, STATION_DAY, {**day(1), "date": date(2026, 10, 25), "observed_seconds": 45_000.0})
    arguments = 'metric: BIKES_MEAN, from: "2026-10-25", to: "2026-10-25"'
    assert await ask(context, f"ranking({arguments}) {{ coverage }}") == {"ranking": [{"coverage": 0.5}]}


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


async def test_a_system_whose_time_zone_nobody_knows_has_no_ranking(context: Context) -> None:
    system = context.live.systems[SYSTEM]
    assert system.information is not None
    system.information = msgspec.structs.replace(system.information, time_zone="Mars/Olympus")
    assert await ranking(context, "BIKES_MEAN") == []
