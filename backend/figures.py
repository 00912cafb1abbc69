"""What the batch computed, read for the API: hours, days, and rankings over days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import Any, NamedTuple

from backend.context import Context
from backend.ranges import days, gather
from backend.types.figures import StationHour, StationMetric
from backend.types.network import NetworkDay
from pipeline.days import local_day, time_zone
from pipeline.ports import Row
from pipeline.tables import NETWORK_DAY, STATION_DAY, STATION_HOUR

MOST_HOUR_DAYS = 31
MOST_DAYS = 92
MOST_NETWORK_DAYS = 366

Days = Sequence[tuple[float, float]]
"""A station's value on each day, and for how many seconds it was observed then."""

OverDays = Callable[[Days], float]


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
    after = days(first, last, MOST_NETWORK_DAYS)[-1] + timedelta(days=1)
    rows = await context.store.read(NETWORK_DAY, (system_id,), lower=first, upper=after)
    return [NetworkDay.of_row(row) for row in rows]


async def rank(context: Context, system_id: str, metric: StationMetric, first: date, last: date) -> list[Ranked]:
    """Every station observed in these local days, the greatest value first; raises BadInput."""
    column, over_days = _MEASURES[metric]

    async def read(day: date) -> list[Row]:
        columns = ("station_id", "observed_seconds", column)
        return await context.store.read(STATION_DAY, (system_id, day), columns=columns)

    answers = await gather(read, days(first, last, MOST_DAYS))
    stations = _by_station(chain.from_iterable(answers), column)
    if not stations:
        return []
    return _ranked(stations, over_days, _span_seconds(context, system_id, first, last))


def _by_station(rows: Iterable[Mapping[str, Any]], column: str) -> Mapping[str, Days]:
    stations: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        if row[column] is not None and row["observed_seconds"]:
            stations[row["station_id"]].append((row[column], row["observed_seconds"]))
    return stations


def _ranked(stations: Mapping[str, Days], over_days: OverDays, span_seconds: float) -> list[Ranked]:
    found = []
    for station_id, values in stations.items():
        observed = sum(seconds for _, seconds in values)
        found.append(Ranked(station_id, float(over_days(values)), observed / span_seconds, observed))
    return sorted(found, key=lambda station: (-station.value, station.station_id))


def _span_seconds(context: Context, system_id: str, first: date, last: date) -> float:
    """How long these local days are."""
    information = context.live.systems[system_id].information
    zone = time_zone(system_id, information.time_zone if information else "UTC")
    return (local_day(last, zone).end - local_day(first, zone).start).total_seconds()


def _share(values: Days) -> float:
    return sum(seconds for seconds, _ in values) / sum(observed for _, observed in values)


def _sum(values: Days) -> float:
    return sum(seconds for seconds, _ in values)


def _mean(values: Days) -> float:
    return sum(mean * observed for mean, observed in values) / sum(observed for _, observed in values)


def _least(values: Days) -> float:
    return min(least for least, _ in values)


def _greatest(values: Days) -> float:
    return max(greatest for greatest, _ in values)


_MEASURES: Mapping[StationMetric, tuple[str, OverDays]] = {
    StationMetric.EMPTY_SHARE: ("empty_seconds", _share),
    StationMetric.FULL_SHARE: ("full_seconds", _share),
    StationMetric.CLOSED_SHARE: ("closed_seconds", _share),
    StationMetric.EMPTY_SECONDS: ("empty_seconds", _sum),
    StationMetric.FULL_SECONDS: ("full_seconds", _sum),
    StationMetric.CLOSED_SECONDS: ("closed_seconds", _sum),
    StationMetric.OBSERVED_SECONDS: ("observed_seconds", _sum),
    StationMetric.BIKES_MEAN: ("bikes_mean", _mean),
    StationMetric.BIKES_MIN: ("bikes_min", _least),
    StationMetric.BIKES_MAX: ("bikes_max", _greatest),
    StationMetric.DOCKS_MEAN: ("docks_mean", _mean),
    StationMetric.DOCKS_MIN: ("docks_min", _least),
    StationMetric.DOCKS_MAX: ("docks_max", _greatest),
}
