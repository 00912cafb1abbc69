"""A simulated system as GBFS documents, 2.3 and 3.0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline.simulator.city import City, Site
from pipeline.simulator.network import FULL_RANGE_METRES, StationCounts, VehicleView

Version = Literal["2.3", "3.0"]
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
    return {city.language: feeds} if version == "2.3" else feeds


def envelope(version: Version, data: Document, updated: datetime, ttl_seconds: int) -> Document:
    """The document around ``data``."""
    return {"last_updated": stamp(version, updated), "ttl": ttl_seconds, "version": version, "data": data}


def stamp(version: Version, instant: datetime) -> int | str:
    """An instant as the version writes it: POSIX seconds, from 3.0 on RFC 3339."""
    if version == "2.3":
        return int(instant.timestamp())
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(version: Version, text: str, city: City) -> Any:
    return text if version == "2.3" else [{"text": text, "language": city.language}]


def system_information(version: Version, moment: Moment) -> Document:
    city = moment.city
    information = {
        "system_id": city.system_id,
        "name": _text(version, city.name, city),
        "operator": _text(version, "Bikewire's simulator", city),
        "timezone": city.time_zone,
        "feed_contact_email": CONTACT,
    }
    if version == "2.3":
        return {**information, "language": city.language}
    return {**information, "languages": [city.language], "opening_hours": "24/7"}


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
    return {
        "station_id": site.station_id,
        "name": _text(version, site.name, city),
        "lat": site.lat,
        "lon": site.lon,
        "is_virtual_station": False,
        "is_charging_station": True,
        "capacity": site.docks,
    }


def station_status(version: Version, moment: Moment) -> Document:
    pairs = zip(moment.city.sites, moment.stations, strict=True)
    return {"stations": [_status(version, site, counts, moment) for site, counts in pairs]}


def _status(version: Version, site: Site, counts: StationCounts, moment: Moment) -> Document:
    noun = "bikes" if version == "2.3" else "vehicles"
    return {
        "station_id": site.station_id,
        f"num_{noun}_available": counts.bikes,
        f"num_{noun}_disabled": counts.bikes_disabled,
        "num_docks_available": counts.docks,
        "num_docks_disabled": counts.docks_disabled,
        "vehicle_types_available": [{"vehicle_type_id": VEHICLE_TYPE, "count": counts.bikes}],
        "is_installed": site.is_installed,
        "is_renting": site.is_installed and site.is_open,
        "is_returning": site.is_installed and site.is_open,
        "last_reported": stamp(version, moment.published(counts.reported_at)),
    }


def vehicle_status(version: Version, moment: Moment) -> Document:
    noun, identity = ("bikes", "bike_id") if version == "2.3" else ("vehicles", "vehicle_id")
    return {noun: [_vehicle(version, identity, vehicle, moment) for vehicle in moment.vehicles]}


def _vehicle(version: Version, identity: str, vehicle: VehicleView, moment: Moment) -> Document:
    document = {
        identity: vehicle.vehicle_id,
        "lat": round(vehicle.lat, 6),
        "lon": round(vehicle.lon, 6),
        "is_reserved": vehicle.is_reserved,
        "is_disabled": vehicle.is_disabled,
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
    "vehicle_types": vehicle_types,
    "station_information": station_information,
    "station_status": station_status,
}
FEEDS: dict[Version, dict[str, Feed]] = {
    "2.3": {**_FEEDS, "free_bike_status": vehicle_status},
    "3.0": {**_FEEDS, "vehicle_status": vehicle_status},
}
LIVE_FEEDS = frozenset({"station_status", "free_bike_status", "vehicle_status"})
"""The feeds that change with every tick; the others never do."""
