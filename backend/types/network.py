"""The network's totals: at one poll, and over a local day."""

from __future__ import annotations

import datetime
from operator import attrgetter, itemgetter
from typing import Any

import strawberry

from pipeline import model
from pipeline.metrics import NETWORK_METRICS
from pipeline.ports import Row


@strawberry.type(description="The totals of all stations and vehicles of a system in one poll.")
class NetworkStatus:
    polled_at: datetime.datetime = strawberry.field(description="The instant of the poll.")
    stations_expected: int = strawberry.field(description="Stations that the system declares.")
    stations_reporting: int = strawberry.field(description="Stations that the poll saw.")
    bikes: int = strawberry.field(description="Bikes available, over all stations whatever their flags.")
    docks: int = strawberry.field(description="Docks available, over all stations whatever their flags.")
    bikes_disabled: int = strawberry.field(description="Bikes at stations that can't be rented.")
    docks_disabled: int = strawberry.field(description="Docks that can't take a bike.")
    empty: int = strawberry.field(
        description="Stations installed and renting with 0 bikes; one without docks too is also in full."
    )
    nearly_empty: int = strawberry.field(description="Stations in state NEARLY_EMPTY.")
    full: int = strawberry.field(
        description="Stations installed and returning with 0 known docks; one without bikes too is also in empty."
    )
    nearly_full: int = strawberry.field(description="Stations in state NEARLY_FULL.")
    closed: int = strawberry.field(description="Stations in state CLOSED or OUT_OF_SERVICE.")
    unknown: int = strawberry.field(description="Stations in state UNKNOWN, those that the poll did not see included.")
    vehicles_outside_stations: int | None = strawberry.field(
        description="Vehicles at no station; null when the poll carried no vehicle feed."
    )
    vehicles_reserved: int | None = strawberry.field(
        description="Vehicles reserved; null when the poll carried no vehicle feed."
    )
    vehicles_disabled: int | None = strawberry.field(
        description="Vehicles disabled; null when the poll carried no vehicle feed."
    )
    stations_unusable: int | None = strawberry.field(
        description="Stations at which one can't rent or can't return: not installed, not renting, not returning,"
        " without bikes, or without docks; null in polls of before it was counted."
    )
    imbalance: float | None = strawberry.field(
        description="Share of the bikes to be moved for all stations to be equally full, 0 to 1, of the stations with"
        " bikes and docks known; null without bikes."
    )
    fleet: int | None = strawberry.field(
        description="Bikes at stations, disabled ones too, and vehicles outside; null where the vehicles are not known"
        " of a system that publishes them, or the bikes of no station."
    )
    vehicles_abandoned: int | None = strawberry.field(
        description="Vehicles outside stations, unmoved and unreserved for BIKEWIRE_ABANDONED_HOURS; null when the"
        " poll carried no vehicle feed."
    )
    vehicles_low_charge: int | None = strawberry.field(
        description="Vehicles with a known charge of BIKEWIRE_LOW_CHARGE at most; null when the poll carried no vehicle"
        " feed, and when no vehicle tells its charge."
    )
    charge_low_quartile: float | None = strawberry.field(
        description="Charge that a quarter of the vehicles have at most, 0 to 1, of the known ones; null without any."
    )
    charge_median: float | None = strawberry.field(
        description="Charge that half of the vehicles have at most, 0 to 1, of the known ones; null without any."
    )
    charge_high_quartile: float | None = strawberry.field(
        description="Charge that three quarters of the vehicles have at most, 0 to 1, of the known ones; null without"
        " any."
    )

    @classmethod
    def of(cls, record: model.NetworkStatus) -> NetworkStatus:
        return cls(**dict(zip(_FIELDS, _of_record(record), strict=True)))

    @classmethod
    def of_row(cls, row: Row) -> NetworkStatus:
        """From a row of the table network_history."""
        return cls(**dict(zip(_FIELDS, _of_row(row), strict=True)))


_METRICS = {metric.name: metric for metric in NETWORK_METRICS}


def _metric(name: str) -> Any:
    metric = _METRICS[name]
    return strawberry.field(description=f"{metric.description} Unit: {metric.unit}.")


@strawberry.type(description="The network's figures over one local day; counts are sums over its stations.")
class NetworkDay:
    date: datetime.date = strawberry.field(description="The local day.")
    polls: int = strawberry.field(description="Polls that observed the network.")
    bikes_mean: float | None = _metric("bikes_mean")
    bikes_min: int | None = _metric("bikes_min")
    bikes_max: int | None = _metric("bikes_max")
    docks_mean: float | None = _metric("docks_mean")
    docks_min: int | None = _metric("docks_min")
    docks_max: int | None = _metric("docks_max")
    stations_empty_mean: float | None = _metric("stations_empty_mean")
    stations_full_mean: float | None = _metric("stations_full_mean")
    stations_closed_mean: float | None = _metric("stations_closed_mean")
    empty_share: float | None = _metric("empty_share")
    full_share: float | None = _metric("full_share")
    observed_seconds: float = _metric("observed_seconds")
    coverage: float = _metric("coverage")
    hold_seconds: float | None = _metric("hold_seconds")

    @classmethod
    def of_row(cls, row: Row) -> NetworkDay:
        """From a row of the table network_day."""
        return cls(**{name: row[name] for name in _DAY_FIELDS})  # type: ignore[arg-type]  # typed by the table


_COUNTS = ("empty", "nearly_empty", "full", "nearly_full", "closed", "unknown")
_FIELDS = tuple(NetworkStatus.__annotations__)
_COLUMNS = tuple(f"stations_{name}" if name in _COUNTS else name for name in _FIELDS)
_of_record = attrgetter(*_COLUMNS)
_of_row = itemgetter(*_COLUMNS)
_DAY_FIELDS = tuple(NetworkDay.__annotations__)
