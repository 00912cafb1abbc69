"""Stations by a metric over several local days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from backend.context import Context
from backend.measures import LEFT_OUT, MEASURES, SHARES
from backend.types.ranking import StationMetric
from pipeline.metrics import STATION_METRICS
from pipeline.tables import STATION_DAY
from tests.figure_rows import NOTHING_OBSERVED, day
from tests.small_city import SYSTEM, ask, fill, open_context


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


# Known at those stations only that a test says.
UNKNOWN = dict.fromkeys(
    (
        "nearly_empty_seconds",
        "nearly_full_seconds",
        "occupancy",
        "empty_episodes",
        "full_episodes",
        "arrivals",
        "departures",
        "arrivals_debounced",
        "departures_debounced",
        "net_flow",
        "turnover",
    )
)


async def ranking(context: Context, metric: str, more: str = "") -> list[tuple[str, float]]:
    arguments = f'metric: {metric}, from: "2026-11-16", to: "2026-11-17"{more}'
    ranks = (await ask(context, f"ranking({arguments}) {{ rank station {{ id }} value }}"))["ranking"]
    assert [one["rank"] for one in ranks] == list(range(1, len(ranks) + 1))
    return [(one["station"]["id"], one["value"]) for one in ranks]


async def fill_two_days(context: Context) -> None:
    """Of l little was seen on the second day, of o nothing but on the first, of x nothing at all."""
    long = {"observed_seconds": 80_000.0, "unknown_seconds": 6_400.0, **UNKNOWN}
    short = {"observed_seconds": 20_000.0, "unknown_seconds": 66_400.0, **UNKNOWN}
    much = {"nearly_empty_seconds": 5_000.0, "arrivals": 15, "departures": 14, "arrivals_debounced": 10, "net_flow": 1}
    little = {"nearly_full_seconds": 4_000.0, "full_episodes": 2, "arrivals": 6, "departures_debounced": 9}
    first = day(16, "g", empty_seconds=8_000.0, bikes_min=2, **long | much) | {"turnover": 0.5, "empty_episodes": 2}
    second = day(17, "g", empty_seconds=8_000.0, bikes_min=4, bikes_max=9, bikes_mean=5.5, **long | much)
    await fill(
        context,
        STATION_DAY,
        first,
        second | {"turnover": 0.75, "empty_episodes": 3},
        day(16, "l", empty_seconds=0.0, bikes_mean=1.0, **long | little) | {"net_flow": -4, "occupancy": 0.25},
        day(17, "l", empty_seconds=20_000.0, bikes_mean=11.0, **short) | {"docks_mean": 4.0, "occupancy": 0.75},
        day(16, "o", empty_seconds=10_000.0, full_seconds=500.0, **short),
        day(17, "o", **NOTHING_OBSERVED | {"unknown_seconds": 86_400.0}),
        day(16, "x", **NOTHING_OBSERVED),
        day(16, "gone", **long),
        day(18, "g", empty_seconds=80_000.0, **long),
    )


CASES = [
    ("EMPTY_SHARE", [("o", 0.5), ("l", 0.2), ("g", 0.1)]),
    ("FULL_SHARE", [("o", 0.025), ("g", 0.0), ("l", 0.0)]),
    ("CLOSED_SHARE", [("o", 0.003), ("l", 0.0012), ("g", 0.00075)]),
    ("NEARLY_EMPTY_SHARE", [("g", 0.0625)]),
    ("NEARLY_FULL_SHARE", [("l", 0.05)]),
    ("BIKES_MEAN", [("g", 4.5), ("o", 3.5), ("l", 3.0)]),
    ("BIKES_MIN", [("g", 2.0), ("l", 0.0), ("o", 0.0)]),
    ("BIKES_MAX", [("g", 9.0), ("l", 7.0), ("o", 7.0)]),
    ("DOCKS_MEAN", [("l", 4.0)]),
    ("DOCKS_MIN", []),
    ("DOCKS_MAX", []),
    ("OCCUPANCY", [("l", 0.35)]),
    ("EMPTY_SECONDS", [("l", 20_000.0), ("g", 16_000.0), ("o", 10_000.0)]),
    ("FULL_SECONDS", [("o", 500.0), ("g", 0.0), ("l", 0.0)]),
    ("NEARLY_EMPTY_SECONDS", [("g", 10_000.0)]),
    ("NEARLY_FULL_SECONDS", [("l", 4_000.0)]),
    ("CLOSED_SECONDS", [("g", 120.0), ("l", 120.0), ("o", 60.0)]),
    ("EMPTY_EPISODES", [("g", 5.0)]),
    ("FULL_EPISODES", [("l", 2.0)]),
    ("ARRIVALS", [("g", 30.0), ("l", 6.0)]),
    ("DEPARTURES", [("g", 28.0)]),
    ("ARRIVALS_DEBOUNCED", [("g", 20.0)]),
    ("DEPARTURES_DEBOUNCED", [("l", 9.0)]),
    ("NET_FLOW", [("g", 2.0), ("l", -4.0)]),
    ("TURNOVER", [("g", 1.25)]),
    ("UNKNOWN_SECONDS", [("o", 152_800.0), ("l", 72_800.0), ("g", 12_800.0)]),
    ("OBSERVED_SECONDS", [("g", 160_000.0), ("l", 100_000.0), ("o", 20_000.0)]),
    ("COVERAGE", [("g", 160_000 / 172_800), ("l", 100_000 / 172_800), ("o", 20_000 / 172_800)]),
]


@pytest.mark.parametrize(("metric", "expected"), CASES)
async def test_days_are_put_together_as_the_metric_says(
    context: Context, metric: str, expected: list[tuple[str, float]]
) -> None:
    await fill_two_days(context)
    ranked = await ranking(context, metric)
    assert [station_id for station_id, _ in ranked] == [station_id for station_id, _ in expected]
    assert [value for _, value in ranked] == pytest.approx([value for _, value in expected])


def test_every_metric_of_the_ranking_is_tested() -> None:
    assert [metric for metric, _ in CASES] == [metric.name for metric in StationMetric]


def test_every_metric_that_days_can_tell_is_in_the_ranking() -> None:
    metrics = [metric.name for metric in STATION_METRICS if metric.name not in LEFT_OUT]
    assert [metric.name.lower() for metric in StationMetric] == [f"{name}_share" for name in SHARES] + metrics
    assert list(MEASURES) == [metric.name.lower() for metric in StationMetric]


async def test_the_least_value_comes_first_when_asked(context: Context) -> None:
    await fill_two_days(context)
    assert await ranking(context, "CLOSED_SECONDS", ", order: LEAST, first: 2") == [("o", 60.0), ("g", 120.0)]


async def test_a_day_without_the_station_was_unknown_where_others_were_seen(context: Context) -> None:
    seen = {"observed_seconds": 6_400.0, "unknown_seconds": 80_000.0}
    await fill(context, STATION_DAY, day(16, "g", **seen), day(17, "g", **seen), day(17, "l", **seen))
    assert await ranking(context, "UNKNOWN_SECONDS") == [("l", 166_400.0), ("g", 160_000.0)]


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


async def test_a_system_whose_time_zone_nobody_knows_has_no_ranking(context: Context) -> None:
    system = context.live.systems[SYSTEM]
    assert system.information is not None
    system.information = msgspec.structs.replace(system.information, time_zone="Mars/Olympus")
    assert await ranking(context, "BIKES_MEAN") == []
