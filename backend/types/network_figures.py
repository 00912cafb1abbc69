"""What the daily batch computes of the network: the metrics of `pipeline/metrics` as fields."""

from __future__ import annotations

import datetime
from typing import Any

import strawberry

from backend.types.metric import with_metrics
from pipeline.metrics import NETWORK_METRICS
from pipeline.ports import Row

_METRICS = tuple(metric.name for metric in NETWORK_METRICS)


@strawberry.interface(
    description="The network's figures over a stretch of time; counts are sums over its stations at each instant."
)
@with_metrics(NETWORK_METRICS)
class NetworkFigures:
    polls: int = strawberry.field(description="Polls that observed the network.")


@strawberry.type(description="The network's figures over one local hour.")
class NetworkHour(NetworkFigures):
    start: datetime.datetime = strawberry.field(description="The instant at which the hour begins.")
    date: datetime.date = strawberry.field(description="The local day.")
    hour: int = strawberry.field(description="The local hour, 0 to 23; when clocks go back, one hour comes twice.")

    @classmethod
    def of_row(cls, row: Row) -> NetworkHour:
        """From a row of the table network_hour."""
        return cls(start=row["start"], date=row["date"], hour=row["hour"], **_values(row))  # type: ignore[arg-type]  # typed by the table


@strawberry.type(description="The network's figures over one local day; of the current day, what was computed so far.")
class NetworkDay(NetworkFigures):
    date: datetime.date = strawberry.field(description="The local day.")

    @classmethod
    def of_row(cls, row: Row) -> NetworkDay:
        """From a row of the table network_day."""
        return cls(date=row["date"], **_values(row))  # type: ignore[arg-type]  # typed by the table


def _values(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("polls", *_METRICS)}
