"""What a system declares, from its JSON: itself, stations, vehicle types, regions, alerts."""

from __future__ import annotations

from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from pipeline.deviations import Action, Rule
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import Alert, Region, Station, System, VehicleType

Languages = tuple[str, ...]
Default = TypeVar("Default", str, str | None)


def lenient_station(fields: Fields, languages: Languages) -> Station | None:
    """The declared station with every repair noted; None when it has no id or no place on the map."""
    station_id = fields.identifier("station_id")
    if station_id is None:
        return None
    position = fields.position()
    if position is None:
        fields.note("lat, lon", (fields.values.get("lat"), fields.values.get("lon")), Rule.POSITION, Action.REFUSED)
        return None
    is_virtual = fields.flag("is_virtual_station", False, is_required=False)
    return Station(
        station_id,
        _name(fields, languages, station_id),
        *position,
        _capacity(fields, is_virtual),
        fields.text("address", languages),
        is_virtual,
        fields.identifier("region_id"),
        _area(fields),
    )


def lenient_system(fields: Fields, languages: Languages) -> System:
    """The system; without a readable time zone its hours are those of UTC."""
    system_id = fields.identifier("system_id")
    if system_id is None:
        fields.note("system_id", fields.values.get("system_id"), Rule.ID_PRESENT, Action.ASSUMED)
    return System(
        system_id,
        _name(fields, languages, system_id),
        _time_zone(fields),
        fields.text("operator", languages),
        _language(fields),
    )


def lenient_vehicle_type(fields: Fields, languages: Languages) -> VehicleType | None:
    """The vehicle type; None when it has no id."""
    vehicle_type_id = fields.identifier("vehicle_type_id")
    if vehicle_type_id is None:
        return None
    form, propulsion = fields.text("form_factor"), fields.text("propulsion_type")
    for name, word in (("form_factor", form), ("propulsion_type", propulsion)):
        if word is None:
            fields.note(name, fields.values.get(name), Rule.REQUIRED, Action.UNKNOWN)
    reach = fields.number("max_range_meters", lowest=0)
    return VehicleType(vehicle_type_id, form, propulsion, reach, fields.text("name", languages))


def lenient_region(fields: Fields, languages: Languages) -> Region | None:
    """The region; None when it has no id."""
    region_id = fields.identifier("region_id")
    return None if region_id is None else Region(region_id, _name(fields, languages, region_id))


def lenient_alert(fields: Fields, languages: Languages) -> Alert | None:
    """The alert; None when it has no id. Of several times the first start and the first end are taken."""
    alert_id = fields.identifier("alert_id")
    if alert_id is None:
        return None
    summary = fields.text("summary", languages)
    if summary is None:
        fields.note("summary", fields.values.get("summary"), Rule.REQUIRED, Action.ASSUMED)
    times = fields.inside("times")
    return Alert(
        alert_id,
        fields.text("type"),
        summary or alert_id,
        fields.text("description", languages),
        fields.text("url", languages),
        fields.identifiers("station_ids"),
        fields.identifiers("region_ids"),
        times.instant("start"),
        times.instant("end"),
        fields.instant("last_updated"),
    )


def _capacity(fields: Fields, is_virtual: bool) -> int | None:
    capacity = fields.count("capacity")
    if is_virtual or capacity:
        return capacity
    if capacity == 0:
        fields.note("capacity", 0, Rule.CAPACITY, Action.KEPT)
    elif fields.values.get("capacity") is None:
        fields.note("capacity", None, Rule.CAPACITY, Action.UNKNOWN)
    return capacity


def _area(fields: Fields) -> str | None:
    area = fields.values.get("station_area")
    if area is None:
        return None
    if not isinstance(area, dict) or area.get("type") != "MultiPolygon" or not _has_rings(area.get("coordinates")):
        fields.note("station_area", area, Rule.AREA, Action.UNKNOWN)
        return None
    shape = {"type": "MultiPolygon", "coordinates": area["coordinates"]}
    return msgspec.json.encode(shape).decode("utf-8", "replace")


def _has_rings(polygons: object) -> bool:
    """Whether it is a list of polygons, each a list of rings, each a list of at least four positions."""
    if not isinstance(polygons, list) or not polygons:
        return False
    rings = [ring for polygon in polygons for ring in (polygon if isinstance(polygon, list) and polygon else [None])]
    return all(isinstance(ring, list) and len(ring) >= 4 and all(map(_is_position, ring)) for ring in rings)


def _is_position(found: object) -> bool:
    return (
        isinstance(found, list)
        and len(found) >= 2
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in found)
        and -180 <= found[0] <= 180
        and -90 <= found[1] <= 90
    )


def _name(fields: Fields, languages: Languages, default: Default) -> str | Default:
    name = fields.text("name", languages)
    if name is None:
        fields.note("name", fields.values.get("name"), Rule.REQUIRED, Action.ASSUMED)
        return default
    return name


def _time_zone(fields: Fields) -> str:
    name = fields.text("timezone") or ""
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):
        fields.note("timezone", fields.values.get("timezone"), Rule.TIME_ZONE, Action.ASSUMED)
        return "UTC"


def _language(fields: Fields) -> str | None:
    languages = fields.values.get("languages")
    if isinstance(languages, list) and languages and isinstance(languages[0], str):
        return languages[0]
    return fields.text("language")
