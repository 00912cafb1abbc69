"""Vehicles."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from backend.pagination import Order
from backend.selection import BY_ID, by_charge
from backend.types.station import Station
from backend.view import View
from pipeline.model import VehicleStatus, is_abandoned


@strawberry.enum(description="The order of a list of vehicles.")
class VehicleOrder(Enum):
    ID = strawberry.enum_value("id", description="By id.")
    CHARGE_DESC = strawberry.enum_value(
        "charge_desc", description="The most charged first, by charge, else by range; those that tell neither last."
    )
    CHARGE_ASC = strawberry.enum_value(
        "charge_asc", description="The least charged first, by charge, else by range; those that tell neither last."
    )


ORDERS: dict[VehicleOrder, Order[VehicleStatus]] = {
    VehicleOrder.ID: BY_ID,
    VehicleOrder.CHARGE_DESC: by_charge(-1),
    VehicleOrder.CHARGE_ASC: by_charge(1),
}


@strawberry.type(description="A bike or other vehicle that the newest poll of the vehicle feed saw.")
class Vehicle:
    id: strawberry.ID = strawberry.field(description="The vehicle's id in the feed; feeds change it after each trip.")
    lat: float | None = strawberry.field(description="Latitude, degrees (WGS 84).")
    lon: float | None = strawberry.field(description="Longitude, degrees (WGS 84).")
    station: Station | None = strawberry.field(
        description="The station it stands at; null outside stations and at one that the system does not declare."
    )
    is_reserved: bool = strawberry.field(description="Whether someone has reserved it.")
    is_disabled: bool = strawberry.field(description="Whether it can't be rented.")
    still_since: datetime | None = strawberry.field(
        description="The first poll since which every poll saw it outside stations, unreserved, and where the poll"
        " before saw it (up to 50 m away); null at a station, reserved, and where no position is known."
    )
    is_abandoned: bool | None = strawberry.field(
        description="Whether it had stood outside stations, unmoved and unreserved, for BIKEWIRE_ABANDONED_HOURS when"
        " it was seen; null where that is not known."
    )
    range_meters: float | None = strawberry.field(description="How far it can still go, in metres.")
    charge: float | None = strawberry.field(description="What is left in the battery, as a share of full, 0 to 1.")
    polled_at: datetime = strawberry.field(description="The instant of the poll that saw it.")

    @classmethod
    def of(cls, view: View, record: VehicleStatus) -> Vehicle:
        return cls(
            id=strawberry.ID(record.vehicle_id),
            lat=record.lat,
            lon=record.lon,
            station=_station(view, record.station_id),
            is_reserved=record.is_reserved,
            is_disabled=record.is_disabled,
            still_since=record.still_since,
            is_abandoned=is_abandoned(record, view.thresholds),
            range_meters=record.range_meters,
            charge=record.charge,
            polled_at=record.polled_at,
        )


def _station(view: View, station_id: str | None) -> Station | None:
    information = view.live.stations.get(station_id) if station_id is not None else None
    return None if information is None else Station.of(view, information)
