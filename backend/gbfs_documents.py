"""A live system as clean GBFS documents, 2.3 and 3.0: only what is known, and nothing that is out of date.

A station whose state is unknown, or whose bikes are not known, is in no station_status; a closed one is. Times are
never in the future. What a source does not say and GBFS demands is said to be unknown, where GBFS has a word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from backend.live import NEVER, VEHICLE_FEEDS, LiveSystem
from backend.view import View
from pipeline.model import FeedStatus, StationInformation, StationStatus, VehicleStatus, utc_text

Version = Literal["2.3", "3.0"]
Document = dict[str, Any]

UNDETERMINED = "und"
"""The language of what does not say its language (ISO 639-2)."""

OPENING_HOURS = "24/7 unknown"
"""Open or not, nobody has told: in the words of OpenStreetMap's opening_hours, which GBFS 3 speaks."""

CONTACT = "unknown@feed.invalid"
"""GBFS 3 demands an address; this one says by its domain (RFC 2606) that there is none."""

FIRST_GBFS = datetime(2015, 12, 15, 5, tzinfo=UTC)
"""The least time that the official schemas allow."""

DECLARED_TTL_SECONDS = 300
USUAL_TTL_SECONDS = 60


def system_information(version: Version, view: View) -> Document:
    said = view.live.information
    assert said is not None
    document = {
        "system_id": view.system_id,
        "name": _text(version, said.name, view),
        "timezone": said.time_zone,
        **_known(operator=_text(version, said.operator, view) if said.operator else None),
    }
    if version == "2.3":
        return {**document, "language": _language(view)}
    extra = {"languages": [_language(view)], "opening_hours": OPENING_HOURS, "feed_contact_email": CONTACT}
    return {**document, **extra}


def station_information(version: Version, view: View) -> Document:
    stations = sorted(view.live.stations.values(), key=lambda station: station.station_id)
    return {"stations": [_station(version, station, view) for station in stations]}


def _station(version: Version, station: StationInformation, view: View) -> Document:
    return {
        "station_id": station.station_id,
        "name": _text(version, station.name, view),
        "lat": station.lat,
        "lon": station.lon,
        "is_virtual_station": station.is_virtual,
        # A capacity of 0 is a placeholder.
        **_known(capacity=station.capacity or None, address=station.address),
    }


def station_status(version: Version, view: View) -> Document:
    live = view.live
    statuses = (live.statuses.get(station_id) for station_id in sorted(live.stations))
    return {"stations": [_status(version, status) for status in statuses if status and _is_known(status, view)]}


def _is_known(status: StationStatus, view: View) -> bool:
    return status.bikes is not None and _is_trusted(status, view)


def _is_trusted(status: StationStatus, view: View) -> bool:
    """Whether the newest poll saw it, and recently: a closed station's state does not tell."""
    is_recent = (view.now - status.polled_at).total_seconds() < status.hold_seconds
    return is_recent and status.polled_at == view.live.polled_at


def _status(version: Version, status: StationStatus) -> Document:
    noun = "bikes" if version == "2.3" else "vehicles"
    return {
        "station_id": status.station_id,
        f"num_{noun}_available": status.bikes,
        "is_installed": status.is_installed,
        "is_renting": status.is_renting,
        "is_returning": status.is_returning,
        "last_reported": stamp(version, _plausible(status.last_reported, status.polled_at)),
        **_known(
            **{f"num_{noun}_disabled": status.bikes_disabled},
            num_docks_available=status.docks,
            num_docks_disabled=status.docks_disabled,
        ),
    }


def vehicle_status(version: Version, view: View) -> Document:
    noun = "bikes" if version == "2.3" else "vehicles"
    vehicles = sorted(view.live.vehicles.values(), key=lambda vehicle: vehicle.vehicle_id)
    known = (vehicle for vehicle in vehicles if _is_somewhere(vehicle, view))
    return {noun: [_vehicle(version, vehicle) for vehicle in known]}


def _is_somewhere(vehicle: VehicleStatus, view: View) -> bool:
    is_recent = (view.now - vehicle.polled_at).total_seconds() < vehicle.hold_seconds
    return is_recent and (vehicle.station_id is not None or _place(vehicle) != {})


def _vehicle(version: Version, vehicle: VehicleStatus) -> Document:
    return {
        "bike_id" if version == "2.3" else "vehicle_id": vehicle.vehicle_id,
        "is_reserved": vehicle.is_reserved,
        "is_disabled": vehicle.is_disabled,
        "last_reported": stamp(version, _plausible(vehicle.last_reported, vehicle.polled_at)),
        **_place(vehicle),
        **_known(
            station_id=vehicle.station_id,
            current_range_meters=vehicle.range_meters,
            current_fuel_percent=vehicle.charge,
        ),
    }


def _place(vehicle: VehicleStatus) -> Document:
    if vehicle.lat is None or vehicle.lon is None:
        return {}
    return {"lat": vehicle.lat, "lon": vehicle.lon}


Make = Callable[[Version, View], Document]

_FEEDS: dict[str, Make] = {
    "system_information": system_information,
    "station_information": station_information,
    "station_status": station_status,
}
FEEDS: Mapping[Version, Mapping[str, Make]] = {
    "2.3": {**_FEEDS, "free_bike_status": vehicle_status},
    "3.0": {**_FEEDS, "vehicle_status": vehicle_status},
}
LIVE_FEEDS = frozenset({"station_status", "free_bike_status", "vehicle_status"})


def feeds_of(version: Version, live: LiveSystem) -> list[str]:
    """The feeds that there are of a system: those of its vehicles only where it tells of vehicles."""
    has_vehicles = any(name in live.feeds for name in VEHICLE_FEEDS)
    return [name for name in FEEDS[version] if has_vehicles or name not in VEHICLE_FEEDS]


def discovery(version: Version, view: View, urls: Mapping[str, str]) -> Document:
    """gbfs.json's data: ``urls`` by feed name."""
    feeds = {"feeds": [{"name": name, "url": url} for name, url in urls.items()]}
    return feeds if version == "3.0" else {_language(view): feeds}


def envelope(version: Version, feed: str, view: View, data: Document) -> Document:
    """The document around a feed's data."""
    return {
        "last_updated": stamp(version, last_updated(feed, view.live)),
        "ttl": ttl_seconds(feed, view.live),
        "version": version,
        "data": data,
    }


def last_updated(feed: str, live: LiveSystem) -> datetime:
    """As of when we know: what the source says of its newest document that observed, or when we polled that."""
    source = _source(feed, live)
    if source is not None:
        return _plausible(source.last_updated, source.polled_at)
    if feed in LIVE_FEEDS:
        known = live.vehicles_polled_at if feed in VEHICLE_FEEDS else live.polled_at
        return known if known is not None and known > NEVER else _declared_at(live)
    return _declared_at(live)


def ttl_seconds(feed: str, live: LiveSystem) -> int:
    """When there is news at the earliest: with our next poll of the feed."""
    if feed not in LIVE_FEEDS:
        return DECLARED_TTL_SECONDS
    source = _source(feed, live)
    return USUAL_TTL_SECONDS if source is None else round(source.interval_seconds)


def _source(feed: str, live: LiveSystem) -> FeedStatus | None:
    names = sorted(VEHICLE_FEEDS) if feed in VEHICLE_FEEDS else [feed]
    return next((live.observed[name] for name in names if name in live.observed), None)


def _declared_at(live: LiveSystem) -> datetime:
    declared = [station.polled_at for station in live.stations.values()]
    if live.information is not None:
        declared.append(live.information.polled_at)
    return max(declared)


def stamp(version: Version, instant: datetime) -> int | str:
    """An instant as the version writes it: POSIX seconds, from 3.0 on RFC 3339."""
    if version == "2.3":
        return int(instant.timestamp())
    return utc_text(instant)


def _text(version: Version, text: str, view: View) -> Any:
    return text if version == "2.3" else [{"text": text, "language": _language(view)}]


def _language(view: View) -> str:
    """As GBFS writes it: fr, or fr-CA."""
    said = view.live.information.language if view.live.information else None
    language, _, region = (said or "").replace("_", "-").partition("-")
    if not (language.isascii() and language.isalpha() and 2 <= len(language) <= 3):
        return UNDETERMINED
    is_region = len(region) == 2 and region.isascii() and region.isalpha()
    return f"{language.lower()}-{region.upper()}" if is_region else language.lower()


def _plausible(said: datetime | None, seen: datetime) -> datetime:
    """What a source says of when, but not that it was before there was GBFS, nor after we saw it."""
    return seen if said is None or said < FIRST_GBFS else min(said, seen)


def _known(**values: Any) -> Document:
    return {name: value for name, value in values.items() if value is not None}
