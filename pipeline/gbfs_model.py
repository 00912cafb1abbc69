"""What GBFS documents say, whatever their version; names are those of GBFS 3 or of `pipeline/model.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Self, TypeVar

import msgspec

from pipeline.deviations import Deviation


class Feed(StrEnum):
    """The feeds of GBFS, named as in version 3."""

    DISCOVERY = "gbfs"
    SYSTEM_INFORMATION = "system_information"
    STATION_INFORMATION = "station_information"
    STATION_STATUS = "station_status"
    VEHICLE_STATUS = "vehicle_status"
    VEHICLE_TYPES = "vehicle_types"
    SYSTEM_REGIONS = "system_regions"
    SYSTEM_ALERTS = "system_alerts"
    VERSIONS = "gbfs_versions"
    MANIFEST = "manifest"
    VEHICLE_AVAILABILITY = "vehicle_availability"
    SYSTEM_HOURS = "system_hours"
    SYSTEM_CALENDAR = "system_calendar"
    SYSTEM_PRICING_PLANS = "system_pricing_plans"
    GEOFENCING_ZONES = "geofencing_zones"

    @classmethod
    def named(cls, name: object) -> Feed | None:
        """The feed of that name in any version; None for a feed that is none of GBFS."""
        if name == "free_bike_status":
            return cls.VEHICLE_STATUS
        return next((feed for feed in cls if feed.value == name), None)


REALTIME = (Feed.STATION_STATUS, Feed.VEHICLE_STATUS)
"""Feeds that say how the world is now; the others declare what there is."""

POLLED = (Feed.DISCOVERY, Feed.SYSTEM_INFORMATION, Feed.STATION_INFORMATION, *REALTIME)
"""Feeds that records are made of."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """Base of all that a document says."""

    def moved(self, shift: timedelta) -> Self:
        """The same, with its times moved."""
        return self


class Link(Said, frozen=True, gc=False):
    """Where a feed is to be had."""

    feed: Feed
    url: str


class System(Said, frozen=True, gc=False):
    """A system; an id or name that the document does not give is None, ``time_zone`` is a valid IANA name."""

    system_id: str | None
    name: str | None
    time_zone: str
    operator: str | None = None
    language: str | None = None


class Station(Said, frozen=True, gc=False):
    """A station as declared; ``area`` is a GeoJSON MultiPolygon, as text."""

    station_id: str
    name: str
    lat: float
    lon: float
    capacity: int | None = None
    address: str | None = None
    is_virtual: bool = False
    region_id: str | None = None
    area: str | None = None


class Status(Said, frozen=True, gc=False):
    """A station's counts and flags; ``bikes_by_type`` is what `bikes` is made of, by vehicle type."""

    station_id: str
    bikes: int | None
    docks: int | None
    bikes_disabled: int | None
    docks_disabled: int | None
    is_installed: bool
    is_renting: bool
    is_returning: bool
    last_reported: datetime | None
    bikes_by_type: tuple[tuple[str, int], ...] | None = None

    def moved(self, shift: timedelta) -> Self:
        return _moved(self, self.last_reported, shift)


class Vehicle(Said, frozen=True, gc=False):
    """A vehicle; ``charge`` is a share of a full battery, 0 to 1."""

    vehicle_id: str
    lat: float | None
    lon: float | None
    station_id: str | None
    is_reserved: bool
    is_disabled: bool
    vehicle_type_id: str | None
    range_meters: float | None
    charge: float | None
    last_reported: datetime | None

    def moved(self, shift: timedelta) -> Self:
        return _moved(self, self.last_reported, shift)


class VehicleType(Said, frozen=True, gc=False):
    """What vehicles of a type are like; ``form_factor`` and ``propulsion_type`` are words of GBFS."""

    vehicle_type_id: str
    form_factor: str | None
    propulsion_type: str | None
    max_range_meters: float | None
    name: str | None


class Region(Said, frozen=True, gc=False):
    """A part of a system."""

    region_id: str
    name: str


class Alert(Said, frozen=True):
    """A notice to riders: about the whole system where it names neither stations nor regions."""

    alert_id: str
    kind: str | None
    summary: str
    description: str | None
    url: str | None
    station_ids: tuple[str, ...]
    region_ids: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    last_updated: datetime | None


class Dataset(Said, frozen=True):
    """A system of a manifest; ``versions`` holds the discovery URL of each version that it is published in.

    The one dataset of gbfs_versions has no id.
    """

    system_id: str | None
    versions: tuple[tuple[str, str], ...]

    @property
    def url(self) -> str:
        """Of its newest version that is no release candidate, if there is one."""
        return max(self.versions, key=lambda one: ("RC" not in one[0].upper(), one[0]))[1]


Entity = TypeVar("Entity", bound=Said, covariant=True)


class Document(msgspec.Struct, Generic[Entity], frozen=True):
    """A document that was taken: ``entities`` in its order, and where it departed from GBFS.

    ``version`` is what it calls itself; nothing is decided by it but whether it changes.
    """

    feed: Feed
    last_updated: datetime | None
    ttl_seconds: float | None
    entities: tuple[Entity, ...]
    deviations: tuple[Deviation, ...] = ()
    version: str | None = None

    def moved(self, shift: timedelta) -> Document[Entity]:
        """The same document with all its times moved, as if it had been sent that much later."""
        return Document(
            self.feed,
            self.last_updated and self.last_updated + shift,
            self.ttl_seconds,
            tuple(entity.moved(shift) for entity in self.entities),
            self.deviations,
            self.version,
        )


_Moving = TypeVar("_Moving", bound=Said)


def _moved(said: _Moving, last_reported: datetime | None, shift: timedelta) -> _Moving:
    return said if last_reported is None else msgspec.structs.replace(said, last_reported=last_reported + shift)
