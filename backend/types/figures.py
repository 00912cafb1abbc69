"""What the daily batch computes of a station: the metrics of `pipeline/metrics.py` as fields."""

from __future__ import annotations

import datetime
from enum import Enum
from typing import Any

import strawberry

from pipeline.metrics import STATION_METRICS
from pipeline.ports import Row

_METRICS = {metric.name: metric for metric in STATION_METRICS}


def metric_description(name: str) -> str:
    """What the metric means and its unit."""
    metric = _METRICS[name]
    return f"{metric.description} Unit: {metric.unit}."


def _metric(name: str) -> Any:
    return strawberry.field(description=metric_description(name))


def share(seconds: float, observed_seconds: float) -> float | None:
    """``seconds`` as a share of the observed time; None when nothing was observed."""
    return seconds / observed_seconds if observed_seconds else None


@strawberry.interface(
    description="A station's figures over a stretch of time; means and shares are over observed time."
)
class StationFigures:
    bikes_mean: float | None = _metric("bikes_mean")
    bikes_min: int | None = _metric("bikes_min")
    bikes_max: int | None = _metric("bikes_max")
    docks_mean: float | None = _metric("docks_mean")
    docks_min: int | None = _metric("docks_min")
    docks_max: int | None = _metric("docks_max")
    empty_seconds: float = _metric("empty_seconds")
    full_seconds: float = _metric("full_seconds")
    closed_seconds: float = _metric("closed_seconds")
    observed_seconds: float = _metric("observed_seconds")
    coverage: float = _metric("coverage")
    hold_seconds: float | None = _metric("hold_seconds")
    empty_share: float | None = strawberry.field(
        description="emptySeconds / observedSeconds; null when nothing was observed. Unit: share 0-1."
    )
    full_share: float | None = strawberry.field(
        description="fullSeconds / observedSeconds; null when nothing was observed. Unit: share 0-1."
    )


def _over_days(name: str, over_days: str) -> Any:
    return strawberry.enum_value(name, description=f"{_METRICS[name].description} Over several days: {over_days}.")


_WEIGHTED = "the mean of the days, weighted by their observed time"
_SUMMED = "the sum"


@strawberry.enum(description="What stations can be ranked by; always the greatest value first.")
class StationMetric(Enum):
    EMPTY_SHARE = strawberry.enum_value(
        "empty_share", description="Empty time as a share of observed time, 0 to 1, each summed over the days."
    )
    FULL_SHARE = strawberry.enum_value(
        "full_share", description="Full time as a share of observed time, 0 to 1, each summed over the days."
    )
    CLOSED_SHARE = strawberry.enum_value(
        "closed_share", description="Closed time as a share of observed time, 0 to 1, each summed over the days."
    )
    EMPTY_SECONDS = _over_days("empty_seconds", _SUMMED)
    FULL_SECONDS = _over_days("full_seconds", _SUMMED)
    CLOSED_SECONDS = _over_days("closed_seconds", _SUMMED)
    OBSERVED_SECONDS = _over_days("observed_seconds", _SUMMED)
    BIKES_MEAN = _over_days("bikes_mean", _WEIGHTED)
    BIKES_MIN = _over_days("bikes_min", "the least")
    BIKES_MAX = _over_days("bikes_max", "the greatest")
    DOCKS_MEAN = _over_days("docks_mean", _WEIGHTED)
    DOCKS_MIN = _over_days("docks_min", "the least")
    DOCKS_MAX = _over_days("docks_max", "the greatest")


@strawberry.type(description="A station's figures over one local hour.")
class StationHour(StationFigures):
    start: datetime.datetime = strawberry.field(description="The instant at which the hour begins.")
    date: datetime.date = strawberry.field(description="The local day.")
    hour: int = strawberry.field(description="The local hour, 0 to 23; when clocks go back, one hour comes twice.")

    @classmethod
    def of_row(cls, row: Row) -> StationHour:
        """From a row of the table station_hour."""
        return cls(start=row["start"], date=row["date"], hour=row["hour"], **metric_values(row))  # type: ignore[arg-type]  # typed by the table


def metric_values(row: Row) -> dict[str, Any]:
    """The fields of StationFigures from a row of station_hour or station_day."""
    values: dict[str, Any] = {name: row[name] for name in _METRICS}
    observed = values["observed_seconds"]
    values["empty_share"] = share(values["empty_seconds"], observed)
    values["full_share"] = share(values["full_seconds"], observed)
    return values
