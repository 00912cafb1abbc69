"""What GBFS documents say, whatever their version; names are those of GBFS 3 or of `pipeline/model.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Self, TypeVar

import msgspec

from pipeline.deviations import Deviation


class Feed(StrEnum):
    """The feeds that Bikewire reads."""

    DISCOVERY = "gbfs"
    SYSTEM_INFORMATION = "system_information"
    STATION_INFORMATION = "station_information"
    STATION_STATUS = "station_status"
    VEHICLE_STATUS = "vehicle_status"

    @classmethod
    def named(cls, name: object) -> Feed | None:
        """The feed of that name in any version; None for a feed that Bikewire does not read."""
        if name == "free_bike_status":
            return cls.VEHICLE_STATUS
        return next((feed for feed in cls if feed.value == name), None)


REALTIME = (Feed.STATION_STATUS, Feed.VEHICLE_STATUS)
"""Feeds that say how the world is now; the others declare what there is."""


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
    """A station as declared."""

    station_id: str
    name: str
    lat: float
    lon: float
    capacity: int | None = None
    address: str | None = None
    is_virtual: bool = False


class Status(Said, frozen=True, gc=False):
    """A station's counts and flags."""

    station_id: str
    bikes: int | None
    docks: int | None
    bikes_disabled: int | None
    docks_disabled: int | None
    is_installed: bool
    is_renting: bool
    is_returning: bool
    last_reported: datetime | None

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


Entity = TypeVar("Entity", bound=Said, covariant=True)


class Document(msgspec.Struct, Generic[Entity], frozen=True):
    """A document that was taken: ``entities`` in its order, and where it departed from GBFS."""

    feed: Feed
    last_updated: datetime | None
    ttl_seconds: float | None
    entities: tuple[Entity, ...]
    deviations: tuple[Deviation, ...] = ()

    def moved(self, shift: timedelta) -> Document[Entity]:
        """The same document with all its times moved, as if it had been sent that much later."""
        return Document(
            self.feed,
            self.last_updated and self.last_updated + shift,
            self.ttl_seconds,
            tuple(entity.moved(shift) for entity in self.entities),
            self.deviations,
        )


_Moving = TypeVar("_Moving", bound=Said)


def _moved(said: _Moving, last_reported: datetime | None, shift: timedelta) -> _Moving:
    return said if last_reported is None else msgspec.structs.replace(said, last_reported=last_reported + shift)
