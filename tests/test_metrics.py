"""docs/metrics.md says what pipeline/metrics says, and its example comes out as it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric, Unobserved
from pipeline.pieces import Span
from pipeline.timeline import STATION_TOTALS, VEHICLE_TOTALS
from tests.observed_world import World, compute, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
HOUR = Span(datetime(2026, 6, 1, 8, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC))
DAY = Span(datetime(2026, 5, 31, 22, tzinfo=UTC), datetime(2026, 6, 1, 22, tzinfo=UTC))
HOLD = float(re.findall(r"hold of (\d+) s", PAGE)[0])
_CONDITIONS = ("empty", "full", "nearly_empty", "nearly_full", "closed")
PARTS = {"Of a station": STATION_METRICS, "Of the network": NETWORK_METRICS}


def tables(heading: str) -> list[list[list[str]]]:
    """The cells of each table below the heading, without its own head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"(?:^\|.*\n)+", section + "\n", re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()][2:] for one in found]


def example() -> World:
    world = World()
    stations, _, vehicles = tables("The example")
    for feed, rows in (("station_status", stations), ("vehicle_status", vehicles)):
        for polled_at in dict.fromkeys(row[0] for row in rows):
            world.feed("brest", instant(polled_at), HOLD, feed=feed, entities_expected=2)
    for polled_at, station, bikes, docks, *flags in stations:
        is_installed, is_renting, is_returning = (flag == "yes" for flag in flags)
        counts = [None if count == "unknown" else int(count) for count in (bikes, docks)]
        world.status(
            "brest",
            station,
            instant(polled_at),
            *counts,
            is_installed=is_installed,
            is_renting=is_renting,
            is_returning=is_returning,
        )
    for polled_at, vehicle, station, reserved, disabled, charge, still_since in vehicles:
        world.vehicle(
            "brest",
            vehicle,
            instant(polled_at),
            station_id=station or None,
            is_reserved=reserved == "yes",
            is_disabled=disabled == "yes",
            charge=written(charge),
            still_since=instant(still_since) if still_since else None,
        )
    return world


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def written(text: str) -> float | None:
    if text == "unknown":
        return None
    numerator, _, denominator = text.replace(" ", "").partition("/")
    return float(Fraction(numerator) / Fraction(denominator or "1"))


@pytest.mark.parametrize("heading", PARTS)
def test_the_page_has_every_metric_as_it_is_defined(heading: str) -> None:
    assert [row[:4] for row in tables(heading)[0]] == [
        [metric.name, metric.unit, metric.description, metric.unobserved.value] for metric in PARTS[heading]
    ]


@pytest.mark.spark
def test_the_example_comes_out_as_the_page_says(spark: SparkSession) -> None:
    computed = compute(spark, example().tables(), [HOUR, DAY], DAY.end)
    for heading, figures in (
        ("Of a station", computed.stations["brest", "A", 0]),
        ("Of the network", computed.networks["brest", 0]),
    ):
        expected = {row[0]: written(row[4]) for row in tables(heading)[0]}
        assert differences({heading: figures}, {heading: expected}) == []


@pytest.mark.spark
@pytest.mark.parametrize("metrics", [STATION_METRICS, NETWORK_METRICS])
def test_nothing_observed_gives_the_values_that_the_metrics_name(
    spark: SparkSession, metrics: Sequence[Metric]
) -> None:
    """The expressions over a stretch of no length in which nothing is known."""
    nothing = spark.range(1).selectExpr(
        "0L AS micros", "3600000000L AS span_micros", "60000000L AS elapsed_micros", *_UNKNOWN
    )
    expressions = [f"{metric.expression} AS {metric.name}" for metric in metrics if metric.name not in _COUNTED]
    (row,) = nothing.selectExpr(*expressions).toArrow().to_pylist()
    values = {Unobserved.UNKNOWN: None, Unobserved.ZERO: 0.0, Unobserved.ALL: 60.0}
    assert row == {metric.name: values[metric.unobserved] for metric in metrics if metric.name in row}


_COUNTED = ("empty_episodes", "full_episodes")
"""A stretch of no length is a stretch: a station without any was not observed."""

_UNKNOWN = [
    f"CAST(NULL AS {kind}) AS {name}"
    for kind, names in {
        "long": (
            *("bikes", "docks", "places", "filled_places", "capacity_seen", "delta", "episode_micros"),
            *(name for name, type_ in (STATION_TOTALS | VEHICLE_TOTALS).items() if type_ == pa.int64()),
            "fleet",
        ),
        "double": (
            "hold_seconds",
            *(name for name, type_ in (STATION_TOTALS | VEHICLE_TOTALS).items() if type_ == pa.float64()),
        ),
        "boolean": (*(f"is_{name}" for name in _CONDITIONS), "is_flap", "is_censored"),
        "string": ("episode",),
    }.items()
    for name in dict.fromkeys(names)
]


def test_the_pieces_of_the_example_are_those_of_the_page() -> None:
    """The second table of the example adds up to the hour."""
    rows = tables("The example")[1]
    edges = [datetime.strptime(text, "%H:%M").replace(tzinfo=UTC) for row in rows for text in row[:2]]
    lengths = [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert [f"{length.total_seconds():.0f}" for length in lengths] == [row[2] for row in rows]
    assert sum(lengths, timedelta()) == HOUR.end - HOUR.start
