"""A simulated system as GBFS documents, 1.1, 2.3 and 3.0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pipeline.model import utc_text
from pipeline.simulator.city import City, Site
from pipeline.simulator.network import FULL_RANGE_METRES, StationCounts, VehicleView

Version = Literal["1.1", "2.3", "3.0"]
Document = dict[str, Any]

VEHICLE_TYPE = "ebike"
CONTACT = "simulated@bikewire.example"


@dataclass(frozen=True)
class Moment:
    """What a system's documents say at one instant; ``published`` turns a simulated time into a published one."""

    city: City
    stations: list[StationCounts]
    vehicles: list[VehicleView]
    published: Callable[[datetime], datetime]


def discovery(version: Version, city: City, urls: Mapping[str, str]) -> Document:
    """gbfs.json: ``urls`` by feed name."""
    feeds = {"feeds": [{"name": name, "url": url} for name, url in urls.items()]}
    return feeds if version == "3.0" else {city.language: feeds}


def envelope(version: Version, data: Document, updated: datetime, ttl_seconds: int) -> Document:
    """The document around ``data``."""
    return {"last_updated": stamp(version, updated), "ttl": ttl_seconds, "version": version, "data": data}


def stamp(version: Version, instant: datetime) -> int | str:
    """An instant as the version writes it: POSIX seconds, from 3.0 on RFC 3339."""
    if version == "3.0":
        return utc_text(instant)
    return int(instant.timestamp())


def flag(version: Version, is_set: bool) -> bool | int:
    """A flag as the version writes it: 0 or 1 before 2.0."""
    return int(is_set) if version == "1.1" else is_set


def _text(version: Version, text: str, city: City) -> Any:
    return [{"text": text, "language": city.language}] if version == "3.0" else text


def system_information(version: Version, moment: Moment) -> Document:
    city = moment.city
    information = {
        "system_id": city.system_id,
        "name": _text(version, city.name, city),
        "operator": _text(version, "Bikewire's simulator", city),
        "timezone": city.time_zone,
        "feed_contact_email": CONTACT,
    }
    if version == "3.0":
        return {**information, "languages": [city.language], "opening_hours": "24/7"}
    return {**information, "language": city.language}


def vehicle_types(version: Version, moment: Moment) -> Document:
    ebike = {
        "vehicle_type_id": VEHICLE_TYPE,
        "form_factor": "bicycle",
        "propulsion_type": "electric_assist",
        "max_range_meters": FULL_RANGE_METRES,
        "name": _text(version, "E-bike", moment.city),
    }
    return {"vehicle_types": [ebike]}


def station_information(version: Version, moment: Moment) -> Document:
    return {"stations": [_station(version, moment.city, site) for site in moment.city.sites]}


def _station(version: Version, city: City, site: Site) -> Document:
    station = {
        "station_id": site.station_id,
        "name": _text(version, site.name, city),
        "lat": site.lat,
        "lon": site.lon,
        "capacity": site.docks,
    }
    return station if version == "1.1" else {**station, "is_virtual_station": False, "is_charging_station": True}


def station_status(version: Version, moment: Moment) -> Document:
    pairs = zip(moment.city.sites, moment.stations, strict=True)
    return {"stations": [_status(version, site, counts, moment) for site, counts in pairs]}


def _status(version: Version, site: Site, counts: StationCounts, moment: Moment) -> Document:
    noun = "vehicles" if version == "3.0" else "bikes"
    status = {
        "station_id": site.station_id,
        f"num_{noun}_available": counts.bikes,
        f"num_{noun}_disabled": counts.bikes_disabled,
        "num_docks_available": counts.docks,
        "num_docks_disabled": counts.docks_disabled,
        "is_installed": flag(version, site.is_installed),
        "is_renting": flag(version, site.is_installed and site.is_open),
        "is_returning": flag(version, site.is_installed and site.is_open),
        "last_reported": stamp(version, moment.published(counts.reported_at)),
    }
    if version == "1.1":
        return status
    return {**status, "vehicle_types_available": [{"vehicle_type_id": VEHICLE_TYPE, "count": counts.bikes}]}


def vehicle_status(version: Version, moment: Moment) -> Document:
    if version == "3.0":
        return {"vehicles": [_vehicle(version, "vehicle_id", vehicle, moment) for vehicle in moment.vehicles]}
    return {"bikes": [_vehicle(version, "bike_id", vehicle, moment) for vehicle in moment.vehicles]}


def bikes_outside(version: Version, moment: Moment) -> Document:
    """free_bike_status before 2.1: the bikes at no station, with what it says of one then."""
    bikes = [_place(version, "bike_id", vehicle) for vehicle in moment.vehicles if vehicle.site is None]
    return {"bikes": bikes}


def _place(version: Version, identity: str, vehicle: VehicleView) -> Document:
    return {
        identity: vehicle.vehicle_id,
        "lat": round(vehicle.lat, 6),
        "lon": round(vehicle.lon, 6),
        "is_reserved": flag(version, vehicle.is_reserved),
        "is_disabled": flag(version, vehicle.is_disabled),
    }


def _vehicle(version: Version, identity: str, vehicle: VehicleView, moment: Moment) -> Document:
    document = {
        **_place(version, identity, vehicle),
        "vehicle_type_id": VEHICLE_TYPE,
        "last_reported": stamp(version, moment.published(vehicle.reported_at)),
        "current_range_meters": round(vehicle.charge * FULL_RANGE_METRES),
        "current_fuel_percent": round(vehicle.charge, 3),
    }
    if vehicle.site is not None:
        document["station_id"] = moment.city.sites[vehicle.site].station_id
    return document


Feed = Callable[[Version, Moment], Document]

_FEEDS: dict[str, Feed] = {
    "system_information": system_information,
    "station_information": station_information,
    "station_status": station_status,
}
_TYPED: dict[str, Feed] = {**_FEEDS, "vehicle_types": vehicle_types}
FEEDS: dict[Version, dict[str, Feed]] = {
    "1.1": {**_FEEDS, "free_bike_status": bikes_outside},
    "2.3": {**_TYPED, "free_bike_status": vehicle_status},
    "3.0": {**_TYPED, "vehicle_status": vehicle_status},
}
LIVE_FEEDS = frozenset({"station_status", "free_bike_status", "vehicle_status"})
"""The feeds that change with every tick; the others never do."""
