"""Rows of computed figures of the small city, and what the API answers from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pipeline.metrics import NETWORK_METRICS, STATION_METRICS, Metric

_STATION: dict[str, Any] = {
    "bikes_mean": 3.5,
    "bikes_min": 0,
    "bikes_max": 7,
    "docks_mean": None,
    "docks_min": None,
    "docks_max": None,
    "empty_seconds": 900.0,
    "full_seconds": 0.0,
    "closed_seconds": 60.0,
    "observed_seconds": 1800.0,
    "coverage": 0.5,
    "hold_seconds": 180.0,
}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def numbers(metrics: Sequence[Metric]) -> dict[str, Any]:
    """A number of its own for each metric."""
    return {metric.name: place + 1 if metric.type == "long" else place + 1.25 for place, metric in enumerate(metrics)}


def selection(metrics: Sequence[Metric]) -> str:
    """Every metric, as a selection."""
    return " ".join(camel(metric.name) for metric in metrics)


def answered(row: dict[str, Any]) -> dict[str, Any]:
    return {camel(name): value for name, value in row.items()}


FIGURES = numbers(STATION_METRICS) | _STATION
"""Of a station, half of an hour observed; docks are not known."""

NETWORK_FIGURES = numbers(NETWORK_METRICS)

SELECTED = f"{selection(STATION_METRICS)} emptyShare fullShare closedShare"
ANSWERED = answered(FIGURES) | {"emptyShare": 0.5, "fullShare": 0.0, "closedShare": 60 / 1800}

NOTHING_OBSERVED: dict[str, Any] = {
    **dict.fromkeys(metric.name for metric in STATION_METRICS),
    "empty_seconds": 0.0,
    "full_seconds": 0.0,
    "closed_seconds": 0.0,
    "observed_seconds": 0.0,
    "coverage": 0.0,
    "unknown_seconds": 3600.0,
}


def hour(day: date, start: datetime, local: int, station_id: str = "g", **more: Any) -> dict[str, Any]:
    """A row of station_hour."""
    return {"date": day, "station_id": station_id, "start": start, "hour": local, **FIGURES, **more}


def day(number: int, station_id: str = "g", **more: Any) -> dict[str, Any]:
    """A row of station_day, of a day of November 2026."""
    return {"date": date(2026, 11, number), "station_id": station_id, **FIGURES, "capacity_seen": 12, **more}
