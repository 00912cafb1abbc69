"""What the batch computed, read for the API: hours, days, and rankings over days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from backend.context import Context
from backend.ranges import days, gather
from backend.types.figures import StationHour, StationMetric
from backend.types.network import NetworkDay
from pipeline.ports import Row
from pipeline.tables import NETWORK_DAY, STATION_DAY, STATION_HOUR

MOST_HOUR_DAYS = 31
MOST_DAYS = 92
MOST_NETWORK_DAYS = 366

Days = list[Mapping[str, Any]]


class Ranked(NamedTuple):
    """A station's value of a metric over some days, and how much of these was observed."""

    station_id: str
    value: float
    coverage: float
    observed_seconds: float


async def station_hours(
    context: Context, system_id: str, station_id: str, first: date, last: date
) -> list[StationHour]:
    """The station's computed hours of the local days first to last; raises BadInput."""

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_HOUR, (system_id, day), (station_id,))

    answers = await gather(read, days(first, last, MOST_HOUR_DAYS))
    return [StationHour.of_row(row) for row in chain.from_iterable(answers)]


async def station_days(context: Context, system_id: str, station_id: str, first: date, last: date) -> list[Row]:
    """The station's computed days, rows of station_day; raises BadInput."""

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_DAY, (system_id, day), (station_id,))

    return list(chain.from_iterable(await gather(read, days(first, last, MOST_DAYS))))


async def day_of_stations(context: Context, system_id: str, day: date) -> list[Row]:
    """The day of every station, rows of station_day by station id."""
    return await context.store.read(STATION_DAY, (system_id, day))


async def network_days(context: Context, system_id: str, first: date, last: date) -> list[NetworkDay]:
    """The network's computed days; raises BadInput."""
    wanted = days(first, last, MOST_NETWORK_DAYS)
    rows = await context.store.read(NETWORK_DAY, (system_id,), lower=first)
    return [NetworkDay.of_row(row) for row in rows if row["date"] in set(wanted)]


async def rank(context: Context, system_id: str, metric: StationMetric, first: date, last: date) -> list[Ranked]:
    """Every station observed in these local days, the greatest value first; raises BadInput."""

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_DAY, (system_id, day))

    answers = await gather(read, days(first, last, MOST_DAYS))
    return ranked(answers, metric)


def ranked(answers: list[list[Row]], metric: StationMetric) -> list[Ranked]:
    """The ranking over days, from the rows of station_day of each."""
    span = sum(max(map(_span, rows), default=0.0) for rows in answers)
    by_station: dict[str, Days] = defaultdict(list)
    for row in chain.from_iterable(answers):
        if row["observed_seconds"]:
            by_station[str(row["station_id"])].append(row)
    value = _VALUES[metric]
    stations = [_ranked(station_id, rows, value(rows), span) for station_id, rows in by_station.items()]
    return sorted(
        (station for station in stations if station), key=lambda station: (-station.value, station.station_id)
    )


def _ranked(station_id: str, rows: Days, value: float | None, span: float) -> Ranked | None:
    observed = _sum("observed_seconds")(rows)
    return None if value is None else Ranked(station_id, float(value), min(observed / span, 1.0), observed)


def _span(row: Mapping[str, Any]) -> float:
    return row["observed_seconds"] / row["coverage"] if row["coverage"] else 0.0


def _sum(column: str) -> Callable[[Days], float]:
    seconds = itemgetter(column)
    return lambda rows: sum(map(seconds, rows))


def _share(column: str) -> Callable[[Days], float]:
    seconds, observed = _sum(column), _sum("observed_seconds")
    return lambda rows: seconds(rows) / observed(rows)


def _mean(column: str) -> Callable[[Days], float | None]:
    def mean(rows: Days) -> float | None:
        known = [(row[column], row["observed_seconds"]) for row in rows if row[column] is not None]
        return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None

    return mean


def _extreme(choose: Callable[..., float | None], column: str) -> Callable[[Days], float | None]:
    return lambda rows: choose((row[column] for row in rows if row[column] is not None), default=None)


_VALUES: Mapping[StationMetric, Callable[[Days], float | None]] = {
    StationMetric.EMPTY_SHARE: _share("empty_seconds"),
    StationMetric.FULL_SHARE: _share("full_seconds"),
    StationMetric.CLOSED_SHARE: _share("closed_seconds"),
    StationMetric.EMPTY_SECONDS: _sum("empty_seconds"),
    StationMetric.FULL_SECONDS: _sum("full_seconds"),
    StationMetric.CLOSED_SECONDS: _sum("closed_seconds"),
    StationMetric.OBSERVED_SECONDS: _sum("observed_seconds"),
    StationMetric.BIKES_MEAN: _mean("bikes_mean"),
    StationMetric.BIKES_MIN: _extreme(min, "bikes_min"),
    StationMetric.BIKES_MAX: _extreme(max, "bikes_max"),
    StationMetric.DOCKS_MEAN: _mean("docks_mean"),
    StationMetric.DOCKS_MIN: _extreme(min, "docks_min"),
    StationMetric.DOCKS_MAX: _extreme(max, "docks_max"),
}
