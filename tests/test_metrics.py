"""docs/metrics.md says what pipeline/metrics.py says, and its example comes out as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric
from pipeline.pieces import Span
from tests.observed_world import World, compute

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
HOUR = Span(datetime(2026, 6, 1, 8, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC))
HOLD = float(re.findall(r"hold of (\d+) s", PAGE)[0])
PARTS = {"Of a station": STATION_METRICS, "Of the network": NETWORK_METRICS}


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below the heading, without its own head."""
    lines = iter(PAGE.split(f"## {heading}\n", 1)[1].splitlines())
    return list(_rows(lines))[2:]


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        if line.startswith("|"):
            break
    while line.startswith("|"):
        yield [cell.strip() for cell in line.strip("|").split("|")]
        line = next(lines, "")


def example() -> World:
    world = World()
    rows = table("The example")
    for polled_at in dict.fromkeys(row[0] for row in rows):
        world.feed("brest", datetime.fromisoformat(polled_at), HOLD)
    for polled_at, station, bikes, docks, *flags in rows:
        is_installed, is_renting, is_returning = (flag == "yes" for flag in flags)
        counts = [None if count == "unknown" else int(count) for count in (bikes, docks)]
        world.status(
            "brest",
            station,
            datetime.fromisoformat(polled_at),
            *counts,
            is_installed=is_installed,
            is_renting=is_renting,
            is_returning=is_returning,
        )
    return world


def written(text: str) -> float:
    numerator, _, denominator = text.replace(" ", "").partition("/")
    return float(Fraction(int(numerator), int(denominator or 1)))


@pytest.mark.parametrize("heading", PARTS)
def test_the_page_has_every_metric_as_it_is_defined(heading: str) -> None:
    def unobserved(metric: Metric) -> str:
        return "unknown" if metric.unobserved is None else f"{metric.unobserved:g}"

    assert [row[:4] for row in table(heading)] == [
        [metric.name, metric.unit, metric.description, unobserved(metric)] for metric in PARTS[heading]
    ]


@pytest.mark.spark
def test_the_example_comes_out_as_the_page_says(spark: SparkSession) -> None:
    computed = compute(spark, example(), [HOUR], HOUR.end)
    station, network = computed.stations["brest", "A", 0], computed.networks["brest", 0]
    assert {row[0]: station[row[0]] for row in table("Of a station")} == {
        row[0]: written(row[4]) for row in table("Of a station")
    }
    assert {row[0]: network[row[0]] for row in table("Of the network")} == {
        row[0]: written(row[4]) for row in table("Of the network")
    }


@pytest.mark.spark
def test_nothing_observed_gives_the_values_that_the_metrics_name(spark: SparkSession) -> None:
    """The expressions over a stretch of no length in which nothing is known."""
    nothing = "0L AS micros, 3600000000L AS span_micros, CAST(NULL AS DOUBLE) AS hold_seconds"
    counts = "CAST(NULL AS LONG) AS bikes, CAST(NULL AS LONG) AS docks"
    conditions = "false AS is_empty, false AS is_full, false AS is_closed"
    expressions = [f"{metric.expression} AS {metric.name}" for metric in STATION_METRICS]
    (row,) = spark.sql(f"SELECT {nothing}, {counts}, {conditions}").selectExpr(*expressions).toArrow().to_pylist()
    assert row == {metric.name: metric.unobserved for metric in STATION_METRICS}


def test_the_pieces_of_the_example_are_those_of_the_page() -> None:
    """The second table of the example adds up to the hour."""
    lines = PAGE.split("## The example\n", 1)[1].split("In that hour", 1)[1].splitlines()
    rows = list(_rows(iter(lines)))[2:]
    edges = [datetime.strptime(text, "%H:%M").replace(tzinfo=UTC) for row in rows for text in row[:2]]
    lengths = [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert [f"{length.total_seconds():.0f}" for length in lengths] == [row[2] for row in rows]
    assert sum(lengths, timedelta()) == HOUR.end - HOUR.start
