"""Places on the map as arguments."""

from __future__ import annotations

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt

import strawberry

from backend.scalars import BadInput
from pipeline.model import StationInformation

EARTH_RADIUS_METERS = 6_371_008.8


@strawberry.input(
    description="A rectangle on the map, its edges included. With west > east it crosses the antimeridian."
)
class BBox:
    south: float = strawberry.field(description="Least latitude, degrees, -90 to 90.")
    west: float = strawberry.field(description="Western edge's longitude, degrees, -180 to 180.")
    north: float = strawberry.field(description="Greatest latitude, degrees, -90 to 90.")
    east: float = strawberry.field(description="Eastern edge's longitude, degrees, -180 to 180.")

    def check(self) -> None:
        """Raises BadInput when this is no rectangle on the globe."""
        _check_degrees("bbox.south", self.south, 90)
        _check_degrees("bbox.north", self.north, 90)
        _check_degrees("bbox.west", self.west, 180)
        _check_degrees("bbox.east", self.east, 180)
        if self.south > self.north:
            msg = f"bbox: south {self.south} is greater than north {self.north}."
            raise BadInput(msg)

    def contains(self, lat: float, lon: float) -> bool:
        if not self.south <= lat <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= lon <= self.east
        return lon >= self.west or lon <= self.east


@strawberry.input(description="A point on the map to measure distances from.")
class Near:
    lat: float = strawberry.field(description="Latitude, degrees, -90 to 90.")
    lon: float = strawberry.field(description="Longitude, degrees, -180 to 180.")
    meters: float | None = strawberry.field(
        default=None, description="Only what is at most this far away, in metres; null: anything."
    )

    def check(self) -> None:
        """Raises BadInput when this is no point on the globe."""
        _check_degrees("near.lat", self.lat, 90)
        _check_degrees("near.lon", self.lon, 180)
        if self.meters is not None and self.meters <= 0:
            msg = f"near.meters: {self.meters} is not more than 0."
            raise BadInput(msg)

    def distance(self, lat: float, lon: float) -> float:
        """Metres along a great circle."""
        south, north = radians(self.lat), radians(lat)
        across = sin(radians(lon - self.lon) / 2) ** 2
        haversine = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * across
        return 2 * EARTH_RADIUS_METERS * asin(min(1.0, sqrt(haversine)))


@strawberry.type(description="A rectangle on the map.")
class Bounds:
    south: float = strawberry.field(description="Least latitude, degrees.")
    west: float = strawberry.field(description="Least longitude, degrees.")
    north: float = strawberry.field(description="Greatest latitude, degrees.")
    east: float = strawberry.field(description="Greatest longitude, degrees.")

    @classmethod
    def of(cls, stations: Iterable[StationInformation]) -> Bounds | None:
        """Around the stations but for the outermost twentieth on each side: one stray must not move a city."""
        places = list(stations)
        if not places:
            return None
        cut = len(places) // 20
        lats, lons = sorted(one.lat for one in places), sorted(one.lon for one in places)
        return cls(south=lats[cut], west=lons[cut], north=lats[-1 - cut], east=lons[-1 - cut])


def _check_degrees(name: str, value: float, limit: float) -> None:
    if not -limit <= value <= limit:
        msg = f"{name}: {value} is not between -{limit} and {limit} degrees."
        raise BadInput(msg)
