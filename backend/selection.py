"""Which stations and vehicles of a live system a query asks for, and in what order."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from backend.pagination import Order
from backend.types.place import BBox, Near
from backend.view import View
from pipeline.model import StationInformation, StationState, Thresholds, VehicleStatus, is_abandoned


def fold(text: str) -> str:
    """The text without case and accents, as it is searched and sorted."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


# Of names only, which feeds give: what clients search for could be anything, and any amount of it.
_fold_name = lru_cache(maxsize=65536)(fold)


@dataclass(frozen=True)
class StationFilter:
    """What a station must fulfil; a condition left None (or an empty search) lets all pass."""

    ids: Collection[str] | None = None
    states: Collection[StationState] | None = None
    bbox: BBox | None = None
    near: Near | None = None
    search: str | None = None

    def select(self, view: View) -> list[StationInformation]:
        """The stations that fulfil every condition, in no order; raises BadInput."""
        for place in (self.bbox, self.near):
            if place is not None:
                place.check()
        stations = self._by_id(view)
        if self.search is not None:
            stations = _named(stations, self.search)
        if self.bbox is not None:
            stations = [station for station in stations if self.bbox.contains(station.lat, station.lon)]
        if self.near is not None:
            stations = _within(stations, self.near)
        if self.states is not None:
            stations = [station for station in stations if view.state(station.station_id) in self.states]
        return stations

    def order(self) -> Order[StationInformation]:
        """By distance when near is given, else by name."""
        return BY_NAME if self.near is None else by_distance(self.near)

    def _by_id(self, view: View) -> list[StationInformation]:
        stations = view.live.stations
        if self.ids is None:
            return list(stations.values())
        return [stations[station_id] for station_id in dict.fromkeys(self.ids) if station_id in stations]


def _named(stations: list[StationInformation], search: str) -> list[StationInformation]:
    words = fold(search).split()
    return [station for station in stations if all(word in _fold_name(station.name) for word in words)]


def _within(stations: list[StationInformation], near: Near) -> list[StationInformation]:
    limit = near.meters
    if limit is None:
        return stations
    return [station for station in stations if near.distance(station.lat, station.lon) <= limit]


BY_NAME = Order[StationInformation]("name", (str, str), lambda station: (_fold_name(station.name), station.station_id))


def by_distance(near: Near) -> Order[StationInformation]:
    return Order("near", (float, str), lambda station: (near.distance(station.lat, station.lon), station.station_id))


@dataclass(frozen=True)
class VehicleFilter:
    """What a vehicle must fulfil; a condition left None lets all pass."""

    outside_stations: bool | None = None
    reserved: bool | None = None
    disabled: bool | None = None
    abandoned: bool | None = None

    def select(self, view: View) -> list[VehicleStatus]:
        """The vehicles that fulfil every condition, in no order."""
        return [vehicle for vehicle in view.live.vehicles.values() if self._fits(vehicle, view.thresholds)]

    def _fits(self, vehicle: VehicleStatus, thresholds: Thresholds) -> bool:
        return (
            self.outside_stations in (None, vehicle.station_id is None)
            and self.reserved in (None, vehicle.is_reserved)
            and self.disabled in (None, vehicle.is_disabled)
            and (self.abandoned is None or self.abandoned is is_abandoned(vehicle, thresholds))
        )


BY_ID = Order[VehicleStatus]("id", (str,), lambda vehicle: (vehicle.vehicle_id,))


def by_charge(sign: int) -> Order[VehicleStatus]:
    """By charge, else by range, from the least (sign 1) or the most (sign -1); those that give neither come last."""

    def key(vehicle: VehicleStatus) -> tuple[int, float, str]:
        if vehicle.charge is not None:
            return 0, sign * float(vehicle.charge), vehicle.vehicle_id
        if vehicle.range_meters is not None:
            return 1, sign * float(vehicle.range_meters), vehicle.vehicle_id
        return 2, 0.0, vehicle.vehicle_id

    return Order(f"charge{sign}", (int, float, str), key)
