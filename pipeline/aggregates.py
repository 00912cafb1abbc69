"""From pieces to figures: the metrics as one row per station and span, and as rows of the store's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.days import LocalDay, LocalHour
from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric
from pipeline.pieces import STATION

Figures = Mapping[str, Any]
"""A metric's name to its value, with the station and the span that it is of."""


def station_figures(pieces: DataFrame) -> DataFrame:
    """The metrics of each station over each span: system_id, station_id, span, the metrics, capacity_seen."""
    return pieces.groupBy(*STATION, "span").agg(
        *_aggregates(STATION_METRICS), F.max("capacity_seen").alias("capacity_seen")
    )


def network_figures(pieces: DataFrame) -> DataFrame:
    """The metrics of the network over each span: system_id, span, the metrics, polls and records in the span."""
    return pieces.groupBy("system_id", "span").agg(
        *_aggregates(NETWORK_METRICS),
        F.count_if("is_polled_here").alias("polls"),
        F.expr("sum(CASE WHEN is_polled_here THEN stations ELSE 0 END)").alias("records"),
    )


def station_hour_rows(day: LocalDay, hours: Sequence[LocalHour], figures: Iterable[Figures]) -> list[Figures]:
    """Rows of the table station_hour, ``span`` being the place of the hour in ``hours``.

    Every station of the day has every one of the hours: one in which it was not seen shows coverage 0.
    """
    seen = {(row["system_id"], row["station_id"], row["span"]): row for row in figures}
    stations = dict.fromkeys((system_id, station_id) for system_id, station_id, _ in seen)
    return [
        _metrics_of(seen.get((*station, place)))
        | {"system_id": station[0], "station_id": station[1]}
        | {"date": day.date, "start": hour.start, "hour": hour.hour}
        for station in stations
        for place, hour in enumerate(hours)
    ]


def station_day_rows(day: LocalDay, figures: Iterable[Figures]) -> list[Figures]:
    """Rows of the table station_day from the figures of the whole day."""
    return [_without(row, "span") | {"date": day.date} for row in figures]


def network_day_row(day: LocalDay, figures: Figures) -> Figures:
    """A row of the table network_day from the figures of the whole day."""
    return _without(figures, "span", "records") | {"date": day.date}


def _aggregates(metrics: Sequence[Metric]) -> Iterator[Column]:
    return (F.expr(metric.expression).alias(metric.name) for metric in metrics)


def _metrics_of(row: Figures | None) -> dict[str, Any]:
    return {metric.name: metric.unobserved if row is None else row[metric.name] for metric in STATION_METRICS}


def _without(row: Figures, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
