"""What the daily batch computes of a station: the metrics of `pipeline/metrics` as fields."""

from __future__ import annotations

import datetime
from typing import Any

import strawberry

from backend.context import Context
from backend.types.metric import asked_metrics, with_metrics
from pipeline.metrics import STATION_METRICS
from pipeline.ports import Row

# What each is a quotient of: these seconds, and the observed ones.
_SHARES = {"empty_share": "empty_seconds", "full_share": "full_seconds", "closed_share": "closed_seconds"}
_METRICS = tuple(metric.name for metric in STATION_METRICS)


def share(seconds: float, observed_seconds: float) -> float | None:
    """``seconds`` as a share of the observed time; None when nothing was observed."""
    return seconds / observed_seconds if observed_seconds else None


def _share(condition: str) -> Any:
    text = f"{condition}Seconds / observedSeconds; null when nothing was observed. Unit: share 0-1."
    return strawberry.field(description=text)


@strawberry.interface(
    description="A station's figures over a stretch of time; means and shares are over observed time."
)
@with_metrics(STATION_METRICS)
class StationFigures:
    empty_share: float | None = _share("empty")
    full_share: float | None = _share("full")
    closed_share: float | None = _share("closed")


@strawberry.type(description="A station's figures over one local hour.")
class StationHour(StationFigures):
    start: datetime.datetime = strawberry.field(description="The instant at which the hour begins.")
    date: datetime.date = strawberry.field(description="The local day.")
    hour: int = strawberry.field(description="The local hour, 0 to 23; when clocks go back, one hour comes twice.")

    @classmethod
    def of_row(cls, row: Row) -> StationHour:
        """From a row of the table station_hour."""
        return cls(start=row["start"], date=row["date"], hour=row["hour"], **metric_values(row))  # type: ignore[arg-type]  # typed by the table


def figure_columns(info: strawberry.Info[Context, None], *others: str) -> list[str]:
    """The columns that answer what is asked of the StationFigures of a field: those of metrics, and ``others``."""
    return list(dict.fromkeys([*others, *_SHARES.values(), "observed_seconds", *asked_metrics(info, STATION_METRICS)]))


def metric_values(row: Row) -> dict[str, Any]:
    """The fields of StationFigures from a row of station_hour or station_day with `figure_columns`.

    What was not asked for is None.
    """
    values: dict[str, Any] = {name: row.get(name) for name in _METRICS}
    observed = values["observed_seconds"]
    for name, seconds in _SHARES.items():
        values[name] = share(values[seconds], observed)
    return values
