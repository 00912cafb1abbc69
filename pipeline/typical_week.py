"""A station's typical week: what each of the 168 local hours of the week was like over some weeks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import fsum
from statistics import quantiles
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.days import local_day
from pipeline.tables import ColumnType

DAYS, HOURS = 7, 24

COLUMNS = (
    "date",
    "hour",
    "bikes_mean",
    "bikes_min",
    "bikes_max",
    "docks_mean",
    "docks_min",
    "docks_max",
    "observed_seconds",
)
"""The columns of station_hour that a typical week is made of."""

Rows = Sequence[Mapping[str, Any]]


class Spread(NamedTuple):
    """How a count was spread in an hour of the week; all None when it was not known in any week.

    ``mean`` is over the observed time, ``min`` and ``max`` are of any instant; the quartiles are of the means
    that the hour had in the single weeks, each week counting once.
    """

    mean: float | None = None
    min: int | None = None
    low_quartile: float | None = None
    median: float | None = None
    high_quartile: float | None = None
    max: int | None = None


class TypicalHour(NamedTuple):
    """An hour of the week: ``weekday`` 0 (Monday) to 6, ``hour`` 0 to 23 local, in how many ``weeks`` it was seen.

    ``observed_seconds`` is of all the weeks, ``coverage`` its share of these hours' length.
    """

    weekday: int
    hour: int
    weeks: int
    observed_seconds: float
    coverage: float
    bikes: Spread
    docks: Spread

    def figures(self) -> dict[str, Any]:
        """What is told of the hour, by the names in FIGURES (weekday as its number)."""
        spreads = {"bikes": self.bikes, "docks": self.docks}
        told = {f"{count}_{name}": value for count, one in spreads.items() for name, value in one._asdict().items()}
        return {name: getattr(self, name) for name in self._fields[:-2]} | told


SPREAD: Mapping[str, ColumnType] = {
    "mean": "double",
    "min": "long",
    "low_quartile": "double",
    "median": "double",
    "high_quartile": "double",
    "max": "long",
}
"""Of which type the fields of a Spread are."""

FIGURES: Mapping[str, ColumnType] = {
    "weekday": "long",
    "hour": "long",
    "weeks": "long",
    "observed_seconds": "double",
    "coverage": "double",
    **{f"{count}_{name}": kind for count in ("bikes", "docks") for name, kind in SPREAD.items()},
}
"""What is told of an hour of the week, and of which type each is."""


def typical_week(rows: Iterable[Mapping[str, Any]], days: Iterable[date], zone: ZoneInfo) -> list[TypicalHour]:
    """The 168 hours, Monday 0 h first, from one station's rows of station_hour (COLUMNS) on these local days."""
    seconds = _length(days, zone)
    seen: dict[tuple[int, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["observed_seconds"]:
            seen[row["date"].weekday(), row["hour"]].append(row)
    places = [(weekday, hour) for weekday in range(DAYS) for hour in range(HOURS)]
    return [_typical_hour(*place, seen[place], seconds[place]) for place in places]


def _length(days: Iterable[date], zone: ZoneInfo) -> dict[tuple[int, int], float]:
    """How long each hour of the week is over these days, in seconds: clocks skip and repeat some."""
    lengths: dict[tuple[int, int], timedelta] = defaultdict(timedelta)
    for day in days:
        for hour in local_day(day, zone).hours():
            lengths[day.weekday(), hour.hour] += hour.end - hour.start
    return defaultdict(float, {place: length.total_seconds() for place, length in lengths.items()})


def _typical_hour(weekday: int, hour: int, rows: Rows, seconds: float) -> TypicalHour:
    observed = fsum(row["observed_seconds"] for row in rows)
    return TypicalHour(
        weekday=weekday,
        hour=hour,
        weeks=len({row["date"] for row in rows}),
        observed_seconds=observed,
        coverage=observed / seconds if seconds else 0.0,
        bikes=_spread(rows, "bikes"),
        docks=_spread(rows, "docks"),
    )


def _spread(rows: Rows, count: str) -> Spread:
    known = [row for row in rows if row[f"{count}_mean"] is not None]
    if not known:
        return Spread()
    low, median, high = _quartiles(_means_of_weeks(known, f"{count}_mean"))
    least, greatest = min(row[f"{count}_min"] for row in known), max(row[f"{count}_max"] for row in known)
    return Spread(_mean(known, f"{count}_mean"), least, low, median, high, greatest)


def _means_of_weeks(rows: Rows, column: str) -> list[float]:
    """The mean of each week's hour, of which there are two where clocks repeat it."""
    weeks: dict[date, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        weeks[row["date"]].append(row)
    return [_mean(hours, column) for hours in weeks.values()]


def _mean(rows: Rows, column: str) -> float:
    """Weighted by observed time."""
    total = fsum(row[column] * row["observed_seconds"] for row in rows)
    return total / fsum(row["observed_seconds"] for row in rows)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """With linear interpolation between the values next to them."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = quantiles(values, n=4, method="inclusive")
    return low, median, high
