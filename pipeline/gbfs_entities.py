"""One status or vehicle from its JSON: a strict fast path, and a lenient one for what that refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec

from pipeline.deviations import Action, Rule
from pipeline.gbfs_fields import EARLIEST, LATEST, PLACEHOLDERS, Fields, posix
from pipeline.gbfs_model import Status, Vehicle
from pipeline.model import milliseconds

_EARLIEST = datetime.fromtimestamp(EARLIEST, UTC)
_LATEST = datetime.fromtimestamp(LATEST, UTC)

# Strict shapes: whatever does not fit them exactly is read again, leniently.
_Id = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=PLACEHOLDERS[0])]
_Posix = Annotated[int, msgspec.Meta(ge=EARLIEST, lt=LATEST)]
_Written = Annotated[datetime, msgspec.Meta(tz=True)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Distance = Annotated[float, msgspec.Meta(ge=0)]
_Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
_Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]


class _TypeCount(msgspec.Struct, gc=False):
    vehicle_type_id: _Id
    count: _Count


class _DockCount(msgspec.Struct, gc=False):
    count: _Count


_NONE = msgspec.Raw(b"null")


class _StrictStatus(msgspec.Struct, gc=False):
    station_id: _Id
    is_installed: bool
    is_renting: bool
    is_returning: bool
    last_reported: _Posix | str
    num_vehicles_available: _Count | None = None
    num_bikes_available: _Count | None = None
    num_docks_available: _Count | None = None
    num_vehicles_disabled: _Count | None = None
    num_bikes_disabled: _Count | None = None
    num_docks_disabled: _Count | None = None
    vehicle_types_available: msgspec.Raw = _NONE
    vehicle_docks_available: msgspec.Raw = _NONE


class _StrictVehicle(msgspec.Struct, gc=False):
    is_reserved: bool
    is_disabled: bool
    vehicle_id: _Id | None = None
    bike_id: _Id | None = None
    lat: _Latitude | None = None
    lon: _Longitude | None = None
    station_id: str | None = None
    vehicle_type_id: str | None = None
    current_range_meters: _Distance | None = None
    current_fuel_percent: _Share | None = None
    last_reported: _Posix | str | None = None


_STATUS = msgspec.json.Decoder(_StrictStatus)
_VEHICLE = msgspec.json.Decoder(_StrictVehicle)
_TYPE_COUNTS = msgspec.json.Decoder(list[_TypeCount])
_DOCK_COUNTS = msgspec.json.Decoder(list[_DockCount])


def strict_status(raw: msgspec.Raw) -> Status | None:
    """The status, when its JSON keeps every rule; else None."""
    try:
        found = _STATUS.decode(raw)
        reported = _strict_time(found.last_reported)
        by_type, bikes_by_type = _bikes_by_type(bytes(found.vehicle_types_available))
        docks_by_type = _docks_by_type(bytes(found.vehicle_docks_available))
    except (msgspec.MsgspecError, RecursionError):
        return None
    bikes, docks = found.num_vehicles_available, found.num_docks_available
    if bikes is None:
        bikes = found.num_bikes_available
    if bikes is None or reported is None or found.station_id != found.station_id.strip():
        return None
    if bikes_by_type not in (None, bikes) or docks_by_type not in (None, docks):
        return None
    disabled = found.num_vehicles_disabled
    return Status(
        found.station_id,
        bikes,
        docks,
        found.num_bikes_disabled if disabled is None else disabled,
        found.num_docks_disabled,
        found.is_installed,
        found.is_renting,
        found.is_returning,
        reported,
        by_type,
    )


def lenient_status(fields: Fields) -> Status | None:
    """The status with every repair noted; None when it has no id."""
    station_id = fields.identifier("station_id")
    if station_id is None:
        return None
    bikes = fields.count("num_vehicles_available", "num_bikes_available", is_required=True)
    docks = fields.count("num_docks_available")
    by_type = fields.breakdown("vehicle_types_available", "vehicle_type_id", bikes)
    fields.breakdown("vehicle_docks_available", "vehicle_type_ids", docks)
    return Status(
        station_id,
        bikes,
        docks,
        fields.count("num_vehicles_disabled", "num_bikes_disabled"),
        fields.count("num_docks_disabled"),
        fields.flag("is_installed", True),
        fields.flag("is_renting", True),
        fields.flag("is_returning", True),
        fields.instant("last_reported", is_required=True),
        by_type,
    )


def strict_vehicle(raw: msgspec.Raw) -> Vehicle | None:
    """The vehicle, when its JSON keeps every rule; else None."""
    try:
        found = _VEHICLE.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return None
    vehicle_id = found.vehicle_id or found.bike_id
    reported = None if found.last_reported is None else _strict_time(found.last_reported)
    is_time_lost = reported is None and found.last_reported is not None
    if vehicle_id is None or is_time_lost or not _has_place(found) or not _are_trimmed(vehicle_id, found.station_id):
        return None
    return Vehicle(
        vehicle_id,
        found.lat,
        found.lon,
        found.station_id or None,
        found.is_reserved,
        found.is_disabled,
        found.vehicle_type_id or None,
        found.current_range_meters,
        found.current_fuel_percent,
        reported,
    )


def lenient_vehicle(fields: Fields) -> Vehicle | None:
    """The vehicle with every repair noted; None when it has no id."""
    vehicle_id = fields.identifier("vehicle_id", "bike_id")
    if vehicle_id is None:
        return None
    station_id = fields.identifier("station_id")
    lat, lon = _vehicle_position(fields, is_docked=station_id is not None)
    return Vehicle(
        vehicle_id,
        lat,
        lon,
        station_id,
        fields.flag("is_reserved", False),
        fields.flag("is_disabled", False),
        fields.identifier("vehicle_type_id"),
        fields.number("current_range_meters", lowest=0),
        _charge(fields),
        fields.instant("last_reported"),
    )


@lru_cache(maxsize=4096)
def _bikes_by_type(raw: bytes) -> tuple[tuple[tuple[str, int], ...] | None, int | None]:
    """The bikes of each type and their sum; the stations of one feed share few such lists, hence the cache."""
    if raw == b"null":
        return None, None
    found = tuple((one.vehicle_type_id, one.count) for one in _TYPE_COUNTS.decode(raw))
    if not _are_trimmed(*(one for one, _ in found)):
        raise msgspec.ValidationError
    return found, sum(count for _, count in found)


@lru_cache(maxsize=4096)
def _docks_by_type(raw: bytes) -> int | None:
    """The sum of the docks for each type."""
    return None if raw == b"null" else sum(one.count for one in _DOCK_COUNTS.decode(raw))


def _strict_time(time: int | str) -> datetime | None:
    return posix(time) if isinstance(time, int) else _written(time)


@lru_cache(maxsize=4096)
def _written(text: str) -> datetime | None:
    time = msgspec.convert(text, _Written)
    return milliseconds(time) if _EARLIEST <= time < _LATEST else None


def _has_place(found: _StrictVehicle) -> bool:
    if found.lat is None or found.lon is None:
        return bool(found.station_id) and found.lat is found.lon is None
    return not found.lat == found.lon == 0


def _are_trimmed(*ids: str | None) -> bool:
    return all(one is None or one == one.strip() for one in ids)


def _vehicle_position(fields: Fields, *, is_docked: bool) -> tuple[float | None, float | None]:
    position = fields.position()
    if position is not None:
        return position
    given = (fields.values.get("lat"), fields.values.get("lon"))
    # A vehicle at a station needs no position of its own.
    if not (is_docked and given == (None, None)):
        fields.note("lat, lon", given, Rule.POSITION, Action.UNKNOWN)
    return None, None


def _charge(fields: Fields) -> float | None:
    percent = fields.number("current_fuel_percent", 0, 100)
    if percent is None or percent <= 1:
        return percent
    # The specification says a share of 1; some feeds send a share of 100.
    fields.note("current_fuel_percent", percent, Rule.NUMBER_RANGE, Action.REPAIRED)
    return percent / 100
