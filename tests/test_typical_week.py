from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.days import local_day
from pipeline.typical_week import COLUMNS, Spread, TypicalHour, typical_week

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 6, 1)


def row(day: date, hour: int, seconds: float, bikes: Any = None, docks: Any = None) -> dict[str, Any]:
    """A row of station_hour; counts are mean, least and greatest."""
    means = (bikes or (None, None, None)) + (docks or (None, None, None))
    return dict(zip(COLUMNS, (day, hour, *means, seconds), strict=True))


def days_from(first: date, weeks: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(7 * weeks)]


def hour_of(hours: list[TypicalHour], weekday: int, hour: int) -> TypicalHour:
    (found,) = [one for one in hours if (one.weekday, one.hour) == (weekday, hour)]
    return found


def test_the_example_of_the_documentation() -> None:
    rows = [
        row(MONDAY, 8, 3600.0, (4.0, 2, 6)),
        row(MONDAY + timedelta(days=7), 8, 1800.0, (10.0, 8, 12)),
        row(MONDAY + timedelta(days=14), 8, 0.0),
        row(MONDAY + timedelta(days=21), 8, 3600.0, (6.0, 5, 7)),
    ]
    found = hour_of(typical_week(rows, days_from(MONDAY, 4), PARIS), 0, 8)
    assert found == TypicalHour(0, 8, 3, 9000.0, 9000 / 14400, Spread(6.0, 2, 5.0, 6.0, 8.0, 12), Spread())


def test_there_are_168_hours_in_order_also_where_nothing_was_seen() -> None:
    hours = typical_week([], days_from(MONDAY, 1), PARIS)
    assert [(one.weekday, one.hour) for one in hours] == [(day, hour) for day in range(7) for hour in range(24)]
    assert {one[2:] for one in hours} == {(0, 0.0, 0.0, Spread(), Spread())}


def test_of_one_week_all_quartiles_are_its_mean() -> None:
    rows = [row(MONDAY, 0, 60.0, (4.5, 2, 6), (0.0, 0, 0))]
    found = typical_week(rows, days_from(MONDAY, 1), PARIS)[0]
    assert (found.bikes, found.docks) == (Spread(4.5, 2, 4.5, 4.5, 4.5, 6), Spread(0.0, 0, 0.0, 0.0, 0.0, 0))


def test_an_hour_that_was_seen_with_unknown_counts_is_seen_and_has_no_figures() -> None:
    found = typical_week([row(MONDAY, 0, 3600.0)], days_from(MONDAY, 1), PARIS)[0]
    assert found == TypicalHour(0, 0, 1, 3600.0, 1.0, Spread(), Spread())


def test_the_hour_that_comes_twice_is_one_value_of_its_week() -> None:
    sunday = date(2026, 10, 25)
    rows = [
        row(sunday, 2, 3600.0, (2.0, 0, 3)),
        row(sunday, 2, 1200.0, (6.0, 4, 7)),
        row(sunday + timedelta(days=7), 2, 3600.0, (5.0, 5, 5)),
    ]
    found = hour_of(typical_week(rows, days_from(date(2026, 10, 19), 2), PARIS), 6, 2)
    assert found == TypicalHour(6, 2, 2, 8400.0, 8400 / 10800, Spread(32_400 / 8400, 0, 3.5, 4.0, 4.5, 7), Spread())


def test_the_hour_that_a_week_lacks_is_not_missing_from_its_coverage() -> None:
    days = days_from(date(2026, 3, 23), 2)
    found = hour_of(typical_week([row(days[-1], 2, 3600.0, (1.0, 1, 1))], days, PARIS), 6, 2)
    assert (found.weeks, found.coverage) == (1, 1.0)
    assert hour_of(typical_week([], days[:7], PARIS), 6, 2).coverage == 0.0


COUNTS = st.none() | st.tuples(st.floats(0, 50), st.integers(0, 9), st.integers(10, 50))
HOURS = st.lists(
    st.tuples(st.integers(0, 27), st.integers(0, 24), st.floats(0.001, 3600.0) | st.just(0.0), COUNTS, COUNTS),
    unique_by=lambda hour: hour[:2],
    max_size=80,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HOURS, st.sampled_from([date(2026, 3, 9), date(2026, 10, 5)]))
def test_every_hour_equals_that_of_sql(history: list[tuple[int, int, float, Any, Any]], first: date) -> None:
    days = days_from(first, 4)
    rows = []
    for number, place, seconds, bikes, docks in history:
        hours = local_day(days[number], PARIS).hours()
        if place < len(hours):
            counts = (bikes, docks) if seconds else (None, None)
            rows.append(row(days[number], hours[place].hour, seconds, *counts))
    found = {(one.weekday, one.hour): _flat(one) for one in typical_week(rows, days, PARIS) if one.weeks}
    expected = _by_sql(rows)
    assert found.keys() == expected.keys()
    for hour, values in expected.items():
        assert _numbers(found[hour]) == pytest.approx(_numbers(values), rel=1e-9, abs=1e-9, nan_ok=True)


def _flat(hour: TypicalHour) -> tuple[Any, ...]:
    return (hour.weeks, hour.observed_seconds, *hour.bikes, *hour.docks)


def _numbers(values: tuple[Any, ...]) -> list[float]:
    return [math.nan if value is None else value for value in values]


_SPREAD = """sum({0}_mean * observed_seconds) / sum(observed_seconds) FILTER ({0}_mean IS NOT NULL), min({0}_min),
    any_value({0}_low), any_value({0}_median), any_value({0}_high), max({0}_max)"""
_WEEK = """sum({0}_mean * observed_seconds) / sum(observed_seconds) FILTER ({0}_mean IS NOT NULL) AS {0}"""
_QUARTILES = """quantile_cont({0}, 0.25) AS {0}_low, quantile_cont({0}, 0.5) AS {0}_median,
    quantile_cont({0}, 0.75) AS {0}_high"""
_SQL = f"""
WITH seen AS (SELECT *, isodow(date) - 1 AS weekday FROM hours WHERE observed_seconds > 0),
week AS (SELECT weekday, hour, date, {_WEEK.format("bikes")}, {_WEEK.format("docks")} FROM seen GROUP BY ALL),
quartile AS (
    SELECT weekday, hour, {_QUARTILES.format("bikes")}, {_QUARTILES.format("docks")} FROM week GROUP BY ALL)
SELECT weekday, hour, count(DISTINCT date), sum(observed_seconds), {_SPREAD.format("bikes")}, {_SPREAD.format("docks")}
FROM seen JOIN quartile USING (weekday, hour) GROUP BY weekday, hour"""

_TYPES: dict[str, pa.DataType] = {
    name: pa.date32() if name == "date" else pa.int64() if name.endswith(("hour", "min", "max")) else pa.float64()
    for name in COLUMNS
}


def _by_sql(rows: list[dict[str, Any]]) -> dict[tuple[int, int], tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.register("hours", pa.Table.from_pylist(rows, pa.schema(_TYPES)))
        return {found[:2]: found[2:] for found in connection.execute(_SQL).fetchall()}
