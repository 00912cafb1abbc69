"""From evidence to figures: the metrics as one row per station and span, and as rows of the store's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.days import LocalDay, LocalHour
from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric, Unobserved
from pipeline.runs import STATION
from pipeline.service_level import hours_text

Figures = Mapping[str, Any]
"""A metric's name to its value, with the station and the span that it is of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def station_figures(evidence: DataFrame) -> DataFrame:
    """The metrics of each station over each span: system_id, station_id, span, the metrics, capacity_seen."""
    return _aggregated(evidence, (*STATION, "span"), STATION_METRICS, F.max("capacity_seen").alias("capacity_seen"))


def network_figures(evidence: DataFrame) -> DataFrame:
    """The metrics of the network over each span: system_id, span, the metrics, polls and records in the span."""
    return _aggregated(
        evidence,
        ("system_id", "span"),
        NETWORK_METRICS,
        F.count_if("is_polled_here").alias("polls"),
        F.expr("sum(CASE WHEN is_polled_here THEN stations ELSE 0 END)").alias("records"),
    )


def station_hour_rows(
    day: LocalDay, hours: Sequence[LocalHour], figures: Iterable[Figures], until: datetime
) -> list[Figures]:
    """Rows of the table station_hour, ``span`` being the place of the hour in ``hours``.

    Every station of the day has every one of the hours: one in which it was not seen shows coverage 0.
    """
    seen = {(row["system_id"], row["station_id"], row["span"]): row for row in figures}
    stations = dict.fromkeys((system_id, station_id) for system_id, station_id, _ in seen)
    unobserved = [_unobserved(STATION_METRICS, hour, until) for hour in hours]
    return [
        _metrics_of(STATION_METRICS, seen.get((*station, place), unobserved[place]))
        | {"system_id": station[0], "station_id": station[1]}
        | {"date": day.date, "start": hour.start, "hour": hour.hour}
        for station in stations
        for place, hour in enumerate(hours)
    ]


def station_day_rows(day: LocalDay, figures: Iterable[Figures]) -> list[Figures]:
    """Rows of the table station_day from the figures of the whole day."""
    return [_without(row, "span") | {"date": day.date} for row in figures]


def network_hour_rows(
    day: LocalDay, hours: Sequence[LocalHour], system_id: str, figures: Iterable[Figures], until: datetime
) -> list[Figures]:
    """Rows of the table network_hour: every one of the hours, also those in which nothing was seen."""
    seen = {row["span"]: row for row in figures}
    return [
        _metrics_of(NETWORK_METRICS, seen.get(place, _unobserved(NETWORK_METRICS, hour, until)))
        | {"system_id": system_id, "polls": seen[place]["polls"] if place in seen else 0}
        | {"date": day.date, "start": hour.start, "hour": hour.hour}
        for place, hour in enumerate(hours)
    ]


def network_day_row(day: LocalDay, figures: Figures) -> Figures:
    """A row of the table network_day from the figures of the whole day."""
    return _without(figures, "span", "records") | {"date": day.date}


def service_rows(day: LocalDay, hours: Sequence[LocalHour], blocks: Iterable[Figures]) -> list[Figures]:
    """Rows of the table station_service from those of `pipeline.evidence.service_blocks`."""
    station = itemgetter(*STATION)
    return [
        {
            "system_id": system_id,
            "station_id": station_id,
            "date": day.date,
            "hours": hours_text(
                (hours[row["span"]].hour, row["bikes_served"], row["docks_served"], row["micros"]) for row in rows
            ),
        }
        for (system_id, station_id), rows in groupby(sorted(blocks, key=station), station)
    ]


def episode_rows(day: LocalDay, episodes: Iterable[Figures]) -> list[Figures]:
    """Rows of the table station_episode from those of `pipeline.episodes.episodes`."""
    return [
        {
            "system_id": row["system_id"],
            "date": day.date,
            "station_id": row["station_id"],
            "state": row["episode"].upper(),
            "start": _EPOCH + row["seen"] * _MICROSECOND,
            "seconds": row["episode_micros"] / 1_000_000,
            "is_censored": row["is_censored"],
        }
        for row in episodes
    ]


def _aggregated(evidence: DataFrame, by: Sequence[str], metrics: Sequence[Metric], *more: Column) -> DataFrame:
    """The metrics, and what ``more`` is asked for, of each group.

    Lists of episodes are collected by themselves: Spark generates no code for an aggregation that collects, and one of
    all the evidence takes three times as long then.
    """
    collected = [metric for metric in metrics if metric.is_of_episodes]
    found = evidence.where("episode IS NOT NULL").groupBy(*by).agg(*map(_aggregate, collected))
    aggregates = [
        F.max(metric.name).alias(metric.name) if metric.is_of_episodes else _aggregate(metric) for metric in metrics
    ]
    return evidence.unionByName(found, allowMissingColumns=True).groupBy(*by).agg(*aggregates, *more)


def _aggregate(metric: Metric) -> Column:
    return F.expr(metric.expression).alias(metric.name)


def _metrics_of(metrics: Sequence[Metric], row: Figures) -> dict[str, Any]:
    return {metric.name: row[metric.name] for metric in metrics}


def _unobserved(metrics: Sequence[Metric], hour: LocalHour, until: datetime) -> Figures:
    passed = (min(hour.end, until) - hour.start) // _MICROSECOND / 1_000_000
    values = {Unobserved.UNKNOWN: None, Unobserved.ZERO: 0.0, Unobserved.ALL: passed}
    return {metric.name: values[metric.unobserved] for metric in metrics}


def _without(row: Figures, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
