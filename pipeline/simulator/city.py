"""A simulated city: where its stations are, how large they are, and who lives, works and strolls around them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

METRES_PER_DEGREE = 111_320.0


class Site(NamedTuple):
    """A station of a simulated city. ``home``, ``work`` and ``leisure`` are weights: how much of each is around."""

    station_id: str
    name: str
    lat: float
    lon: float
    docks: int
    home: float
    work: float
    leisure: float
    broken_docks: int = 0
    is_installed: bool = True
    is_open: bool = True

    @property
    def usable_docks(self) -> int:
        return self.docks - self.broken_docks if self.is_installed and self.is_open else 0


@dataclass(frozen=True)
class City:
    """A system to simulate. Its local time is what its people live by."""

    system_id: str
    name: str
    language: str
    time_zone: str
    sites: tuple[Site, ...]

    @property
    def usual_vehicles(self) -> int:
        """As many vehicles as leave about half of the docks free."""
        return max(1, round(0.48 * sum(site.usable_docks for site in self.sites)))


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The distance between two places of one city, in metres (flat earth: good to 0.1 % over 30 km)."""
    north = (other_lat - lat) * METRES_PER_DEGREE
    east = (other_lon - lon) * METRES_PER_DEGREE * math.cos(math.radians(lat))
    return math.hypot(north, east)


def generated_city(number: int, stations: int, seed: int) -> City:
    """The ``number``-th city (from 1) of a simulation: work in its centre, homes around it."""
    rng = random.Random(f"{seed}/city/{number}")
    # A grid over the middle of France: on land, and no two cities over each other.
    centre = 44.6 + 0.8 * ((number - 1) % 5), 0.4 + 0.9 * ((number - 1) // 5 % 5)
    radius = 450.0 * math.sqrt(stations)
    sites = tuple(_generated_site(index, stations, centre, radius, rng) for index in range(stations))
    return City(f"city-{number:02d}", f"City {number} (simulated)", "en", "Europe/Paris", sites)


def _generated_site(index: int, stations: int, centre: tuple[float, float], radius: float, rng: random.Random) -> Site:
    # A sunflower: evenly spread over the disc, however many there are.
    share = math.sqrt((index + 0.5) / stations)
    angle = index * math.pi * (3 - math.sqrt(5))
    lat = centre[0] + share * radius * math.sin(angle) / METRES_PER_DEGREE
    lon = centre[1] + share * radius * math.cos(angle) / (METRES_PER_DEGREE * math.cos(math.radians(centre[0])))
    work = math.exp(-4 * share**2) * rng.uniform(0.6, 1.4)
    return Site(
        station_id=f"s{index + 1:05d}",
        name=f"{_quarter(share, angle)} {index + 1}",
        lat=round(lat, 6),
        lon=round(lon, 6),
        docks=rng.choice((10, 12, 14, 16, 18, 20, 24, 30)),
        home=(0.25 + share) * rng.uniform(0.6, 1.4),
        work=work,
        leisure=0.15 + 0.5 * work + rng.choice((0.0, 0.0, 0.0, 0.8)),
        broken_docks=rng.choice((0,) * 9 + (1,)),
        is_installed=index % 200 != 199,
        is_open=index % 100 != 49,
    )


def _quarter(share: float, angle: float) -> str:
    if share < 0.3:
        return "Centre"
    return ("East", "North", "West", "South")[round(angle / (math.pi / 2)) % 4]
