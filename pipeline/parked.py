"""Vehicles outside stations: since when each has stood where it stands, unreserved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pipeline.gbfs_model import Vehicle
from pipeline.model import VehicleStatus

SAME_PLACE_METRES = 50.0
"""A vehicle that is reported no farther away than this has not moved: positions jitter among houses."""

_METRES_PER_DEGREE = 111_195.0


class Parked(NamedTuple):
    """Where a vehicle stands, in degrees, and since when."""

    lat: float
    lon: float
    since: datetime


def vehicle_records(
    system_id: str, polled_at: datetime, said: Sequence[Vehicle], parked: Mapping[str, Parked], hold_seconds: float
) -> list[VehicleStatus]:
    """The records of a poll's vehicles; ``parked`` are those that stood still in the poll of them before, by id."""
    return [
        VehicleStatus(
            system_id=system_id,
            polled_at=polled_at,
            vehicle_id=one.vehicle_id,
            lat=one.lat,
            lon=one.lon,
            station_id=one.station_id,
            is_reserved=one.is_reserved,
            is_disabled=one.is_disabled,
            vehicle_type_id=one.vehicle_type_id,
            range_meters=one.range_meters,
            charge=one.charge,
            last_reported=one.last_reported,
            still_since=_still_since(one, parked.get(one.vehicle_id), polled_at),
            hold_seconds=hold_seconds,
            vehicles_in_poll=len(said),
        )
        for one in said
    ]


def parked_in(vehicles: Iterable[VehicleStatus]) -> dict[str, Parked]:
    """Those of a poll's vehicles that stand still, by id."""
    return {
        one.vehicle_id: Parked(one.lat, one.lon, one.still_since)
        for one in vehicles
        if one.still_since is not None and one.lat is not None and one.lon is not None
    }


def _still_since(said: Vehicle, before: Parked | None, polled_at: datetime) -> datetime | None:
    if said.station_id is not None or said.is_reserved or said.lat is None or said.lon is None:
        return None
    if before is None or _metres(said.lat, said.lon, before.lat, before.lon) > SAME_PLACE_METRES:
        return polled_at
    # A clock that was set back does not make it the future.
    return min(before.since, polled_at)


def _metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The distance between two places near each other."""
    north = other_lat - lat
    east = math.remainder(other_lon - lon, 360) * math.cos(math.radians(lat))
    return _METRES_PER_DEGREE * math.hypot(north, east)
