"""Stations by a metric over several local days, from what the batch computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import chain
from math import fsum
from typing import Any, NamedTuple

from backend.context import Context
from backend.measures import MEASURES, Days, Measure, Span
from backend.ranges import days, gather
from backend.types.ranking import RankOrder, StationMetric
from pipeline.days import local_day, time_zone
from pipeline.ports import Row
from pipeline.tables import STATION_DAY

MOST_DAYS = 92

Stations = defaultdict[str, Days]


class Ranked(NamedTuple):
    """A station's value of a metric over some days, and how much of these was observed."""

    station_id: str
    value: float
    coverage: float
    observed_seconds: float


async def rank(
    context: Context, system_id: str, metric: StationMetric, first: date, last: date, order: RankOrder
) -> list[Ranked]:
    """Every station observed in these local days, in that order of the metric; raises BadInput."""
    measure = MEASURES[metric.value]
    columns = tuple(dict.fromkeys(("station_id", "observed_seconds", measure.column)))

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_DAY, (system_id, day), columns=columns)

    # All are read before any is looked at: this thread and the store's would keep each other waiting.
    answers = await gather(read, days(first, last, MOST_DAYS))
    stations = _by_station(chain.from_iterable(answers), measure.column)
    if not stations:
        return []
    span = Span(_span_seconds(context, system_id, first, last), fsum(map(_elapsed_seconds, answers)))
    return sorted(_ranked(stations, measure, span), key=_KEYS[order])


def _by_station(rows: Iterable[Mapping[str, Any]], column: str) -> Stations:
    stations: Stations = defaultdict(Days.none)
    for row in rows:
        value, observed = row[column], row["observed_seconds"]
        if value is not None and observed:
            known = stations[row["station_id"]]
            known.values.append(value)
            known.observed.append(observed)
    return stations


def _ranked(stations: Stations, measure: Measure, span: Span) -> list[Ranked]:
    found = []
    for station_id, known in stations.items():
        observed = known.observed_seconds()
        value = float(measure.over_days(known, span))
        found.append(Ranked(station_id, value, observed / span.seconds, observed))
    return found


def _elapsed_seconds(rows: Iterable[Mapping[str, Any]]) -> float:
    """How much of a day had passed when its figures were made; 0 where they do not tell."""
    first: Mapping[str, Any] = next(iter(rows), {})
    unknown = first.get("unknown_seconds")
    return 0.0 if unknown is None else float(unknown + first["observed_seconds"])


def _span_seconds(context: Context, system_id: str, first: date, last: date) -> float:
    """How long these local days are."""
    information = context.live.systems[system_id].information
    zone = time_zone(system_id, information.time_zone if information else "UTC")
    return (local_day(last, zone).end - local_day(first, zone).start).total_seconds()


_KEYS = {
    RankOrder.GREATEST: lambda ranked: (-ranked.value, ranked.station_id),
    RankOrder.LEAST: lambda ranked: (ranked.value, ranked.station_id),
}
