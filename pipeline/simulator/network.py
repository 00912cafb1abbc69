"""What happens in a simulated network: vehicles are reserved, ridden, returned, left outside, broken and mended.

The state at an instant depends on the city, the seed and the instant only: every day of riding starts from the
night crew's placement and is played from its trips up to the instant. A day of a large city plays in seconds,
the step from one instant to the next in microseconds per trip.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2s
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.simulator.city import METRES_PER_DEGREE, City, metres
from pipeline.simulator.demand import DAY_STARTS, Trip, trips_of_day

FULL_RANGE_METRES = 45_000.0
_CHARGE_PER_SECOND = 0.05 / 3600
_METRES_PER_SECOND = 4.2
_DETOUR = 1.3
_LEAST_CHARGE_TO_RIDE = 0.1
_REPORTS_EVERY_SECONDS = 600


class StationCounts(NamedTuple):
    """A station at an instant; ``reported_at`` is when it last spoke."""

    bikes: int
    docks: int
    bikes_disabled: int
    docks_disabled: int
    reported_at: datetime


class VehicleView(NamedTuple):
    """A vehicle that stands somewhere; ``site`` is an index of the city's sites, None outside stations."""

    vehicle_id: str
    lat: float
    lon: float
    site: int | None
    is_reserved: bool
    is_disabled: bool
    charge: float
    reported_at: datetime


@dataclass(slots=True)
class _Vehicle:
    number: int
    lat: float = 0.0
    lon: float = 0.0
    site: int | None = None
    rides: int = 0
    charge: float = 1.0
    since: float = 0.0
    is_reserved: bool = False
    is_disabled: bool = False
    is_riding: bool = False


class Network:
    """The vehicles of one city, played forward by `advance`."""

    def __init__(self, city: City, seed: int, vehicles: int | None = None) -> None:
        self.city = city
        self._seed = seed
        self._count = city.usual_vehicles if vehicles is None else vehicles
        self._zone = ZoneInfo(city.time_zone)
        self._nearest: dict[int, list[int]] = {}
        self._day_start = datetime.min.replace(tzinfo=UTC)
        self._now = 0.0

    def advance(self, instant: datetime) -> None:
        """Let everything happen up to ``instant`` (aware). Going back plays that day again from its start."""
        start = self._start_of_day(instant)
        second = (instant - start).total_seconds()
        if start != self._day_start or second < self._now:
            self._begin(start)
        while self._events and self._events[0][0] <= second:
            self._now, _, act = heapq.heappop(self._events)
            act()
        self._now = second

    def stations(self) -> list[StationCounts]:
        """The counts of every site, in the city's order."""
        return [self._counts(index) for index in range(len(self.city.sites))]

    def vehicles(self) -> list[VehicleView]:
        """Every vehicle that is not on a ride (those are in no feed)."""
        return [self._view(vehicle) for vehicle in self._vehicles if not vehicle.is_riding]

    @property
    def riding(self) -> int:
        """How many vehicles are on a ride."""
        return sum(vehicle.is_riding for vehicle in self._vehicles)

    def _start_of_day(self, instant: datetime) -> datetime:
        local = instant.astimezone(self._zone)
        day = (local.replace(tzinfo=None) - timedelta(hours=DAY_STARTS)).date()
        return datetime(day.year, day.month, day.day, DAY_STARTS, tzinfo=self._zone).astimezone(UTC)

    def _begin(self, start: datetime) -> None:
        day = start.astimezone(self._zone).date()
        self._day_start, self._now = start, 0.0
        self._rng = random.Random(f"{self._seed}/{self.city.system_id}/{day}/events")
        self._order = count()
        self._docked: list[list[_Vehicle]] = [[] for _ in self.city.sites]
        self._changed = [0.0] * len(self.city.sites)
        self._vehicles = [_Vehicle(number) for number in range(self._count)]
        self._events: list[tuple[float, int, Callable[[], None]]] = [
            (trip.second, next(self._order), partial(self._request, trip))
            for trip in trips_of_day(self.city, self._count, day, self._seed)
        ]
        heapq.heapify(self._events)
        self._place_by_night()
        self._break_some()

    def _place_by_night(self) -> None:
        weights = [site.home if site.usable_docks else 0.0 for site in self.city.sites]
        homes = self._rng.choices(range(len(weights)), weights=weights, k=self._count)
        for vehicle, home in zip(self._vehicles, homes, strict=True):
            vehicle.charge = self._rng.uniform(0.25, 1.0)
            self._put(vehicle, home)

    def _break_some(self) -> None:
        for vehicle in self._rng.sample(self._vehicles, k=round(0.03 * self._count)):
            vehicle.is_disabled = True
            self._later(self._rng.expovariate(1 / (10 * 3600)), partial(self._mend, vehicle))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), act))

    def _request(self, trip: Trip) -> None:
        """Somebody wants to ride: takes the best charged vehicle of the station, if there is one."""
        free = [vehicle for vehicle in self._docked[trip.origin] if not (vehicle.is_reserved or vehicle.is_disabled)]
        best = max(free, key=self._charge, default=None)
        if best is None or self._charge(best) < _LEAST_CHARGE_TO_RIDE:
            return
        if self._rng.random() < 0.3:
            best.is_reserved = True
            self._changed[trip.origin] = self._now
            self._later(self._rng.uniform(120, 600), partial(self._depart, best, trip.destination))
        else:
            self._depart(best, trip.destination)

    def _depart(self, vehicle: _Vehicle, destination: int) -> None:
        target = self.city.sites[destination]
        distance = _DETOUR * metres(vehicle.lat, vehicle.lon, target.lat, target.lon)
        self._leave(vehicle)
        vehicle.is_riding, vehicle.is_reserved = True, False
        vehicle.charge = max(0.02, vehicle.charge - distance / FULL_RANGE_METRES)
        seconds = 90 + distance / _METRES_PER_SECOND * self._rng.uniform(0.85, 1.3)
        self._later(seconds, partial(self._arrive, vehicle, destination))

    def _arrive(self, vehicle: _Vehicle, destination: int) -> None:
        vehicle.is_riding = False
        vehicle.rides += 1
        vehicle.since = self._now
        if self._rng.random() < 0.015:
            self._drop_outside(vehicle, destination)
        else:
            self._put(vehicle, destination)
        if self._rng.random() < 0.006:
            vehicle.is_disabled = True
            self._later(self._rng.expovariate(1 / (6 * 3600)), partial(self._mend, vehicle))

    def _mend(self, vehicle: _Vehicle) -> None:
        vehicle.is_disabled = False
        if vehicle.site is not None:
            self._changed[vehicle.site] = self._now

    def _drop_outside(self, vehicle: _Vehicle, near: int) -> None:
        site = self.city.sites[near]
        vehicle.lat = site.lat + self._rng.uniform(40, 120) / METRES_PER_DEGREE
        vehicle.lon = site.lon + self._rng.uniform(-120, 120) / METRES_PER_DEGREE
        self._later(self._rng.expovariate(1 / (4 * 3600)), partial(self._put, vehicle, near))

    def _put(self, vehicle: _Vehicle, near: int) -> None:
        """Into the nearest free dock; outside where there is none at all."""
        site = self._free_site(near)
        if site is None:
            self._drop_outside(vehicle, near)
        else:
            self._dock(vehicle, site)

    def _dock(self, vehicle: _Vehicle, index: int) -> None:
        site = self.city.sites[index]
        vehicle.site, vehicle.lat, vehicle.lon, vehicle.since = index, site.lat, site.lon, self._now
        self._docked[index].append(vehicle)
        self._changed[index] = self._now

    def _leave(self, vehicle: _Vehicle) -> None:
        if vehicle.site is None:
            return
        vehicle.charge = self._charge(vehicle)
        self._docked[vehicle.site].remove(vehicle)
        self._changed[vehicle.site] = self._now
        vehicle.site, vehicle.since = None, self._now

    def _free_site(self, index: int) -> int | None:
        """The site itself or the nearest one with a free dock."""
        if self._has_room(index):
            return index
        return next((near for near in self._near(index) if self._has_room(near)), None)

    def _has_room(self, index: int) -> bool:
        return len(self._docked[index]) < self.city.sites[index].usable_docks

    def _near(self, index: int) -> list[int]:
        if index not in self._nearest:
            sites, here = self.city.sites, self.city.sites[index]
            by_distance = sorted(
                range(len(sites)),
                key=lambda other: metres(here.lat, here.lon, sites[other].lat, sites[other].lon),
            )
            self._nearest[index] = by_distance[1:]
        return self._nearest[index]

    def _charge(self, vehicle: _Vehicle) -> float:
        if vehicle.site is None:
            return vehicle.charge
        return min(1.0, vehicle.charge + (self._now - vehicle.since) * _CHARGE_PER_SECOND)

    def _counts(self, index: int) -> StationCounts:
        site, docked = self.city.sites[index], self._docked[index]
        disabled = sum(vehicle.is_disabled for vehicle in docked)
        reserved = sum(vehicle.is_reserved and not vehicle.is_disabled for vehicle in docked)
        spoke = max(self._changed[index], self._now // _REPORTS_EVERY_SECONDS * _REPORTS_EVERY_SECONDS)
        return StationCounts(
            bikes=len(docked) - disabled - reserved,
            docks=max(0, site.usable_docks - len(docked)),
            bikes_disabled=disabled,
            docks_disabled=site.broken_docks,
            reported_at=self._instant(spoke),
        )

    def _view(self, vehicle: _Vehicle) -> VehicleView:
        return VehicleView(
            vehicle_id=self._identity(vehicle),
            lat=vehicle.lat,
            lon=vehicle.lon,
            site=vehicle.site,
            is_reserved=vehicle.is_reserved,
            is_disabled=vehicle.is_disabled,
            charge=self._charge(vehicle),
            reported_at=self._instant(vehicle.since),
        )

    def _identity(self, vehicle: _Vehicle) -> str:
        # Ids change after every ride, as GBFS demands for the riders' privacy.
        text = f"{self._seed}/{self.city.system_id}/{self._day_start:%Y%m%d}/{vehicle.number}/{vehicle.rides}"
        return blake2s(text.encode(), digest_size=8).hexdigest()

    def _instant(self, second: float) -> datetime:
        return self._day_start + timedelta(seconds=second)
