"""When people ride, from where and whereto: one day's trips of a simulated city, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from itertools import accumulate
from typing import Literal, NamedTuple

from pipeline.simulator.city import City

DAY_STARTS = 4
"""The local hour at which a day of riding starts: the quietest one."""

_DAY_SECONDS = 24 * 3600
_Around = Literal["home", "work", "leisure"]


class Purpose(NamedTuple):
    """A reason to ride: its share of the day's trips, around which local hour, from where and whereto."""

    share: float
    hour: float
    spread_hours: float
    origin: _Around
    destination: _Around


class Trip(NamedTuple):
    """Somebody wants to ride: ``second`` of the day of riding, indexes of two of the city's sites."""

    second: float
    origin: int
    destination: int


_WEEKDAY = (
    Purpose(0.34, 8.1, 0.55, "home", "work"),
    Purpose(0.06, 12.2, 0.4, "work", "leisure"),
    Purpose(0.06, 13.6, 0.4, "leisure", "work"),
    Purpose(0.31, 17.6, 0.9, "work", "home"),
    Purpose(0.08, 19.0, 1.2, "home", "leisure"),
    Purpose(0.07, 22.5, 1.5, "leisure", "home"),
    Purpose(0.03, 16.0, 6.0, "home", "home"),
    # The night is quiet, but not dead.
    Purpose(0.05, 25.5, 1.5, "leisure", "home"),
)
_WEEKEND = (
    Purpose(0.50, 14.5, 2.2, "home", "leisure"),
    Purpose(0.34, 18.0, 2.2, "leisure", "home"),
    Purpose(0.08, 25.0, 1.2, "leisure", "home"),
    Purpose(0.08, 15.0, 5.0, "home", "home"),
)
_TRIPS_PER_VEHICLE = {False: 3.2, True: 2.0}


def trips_of_day(city: City, vehicles: int, day: date, seed: int) -> Iterator[Trip]:
    """Every wish to ride of the day that starts at `DAY_STARTS` local time, in no order.

    The same arguments give the same trips.
    """
    rng = random.Random(f"{seed}/{city.system_id}/{day}/trips")
    is_weekend = day.weekday() >= 5
    total = vehicles * _TRIPS_PER_VEHICLE[is_weekend]
    for purpose in _WEEKEND if is_weekend else _WEEKDAY:
        yield from _trips_for(purpose, city, round(total * purpose.share), rng)


def _trips_for(purpose: Purpose, city: City, count: int, rng: random.Random) -> Iterator[Trip]:
    indexes = range(len(city.sites))
    origins = rng.choices(indexes, cum_weights=_weights(city, purpose.origin), k=count)
    destinations = rng.choices(indexes, cum_weights=_weights(city, purpose.destination), k=count)
    for origin, destination in zip(origins, destinations, strict=True):
        second = (rng.gauss(purpose.hour, purpose.spread_hours) - DAY_STARTS) * 3600
        if origin != destination and 0 <= second < _DAY_SECONDS:
            yield Trip(second, origin, destination)


def _weights(city: City, around: _Around) -> list[float]:
    return list(accumulate(getattr(site, around) if site.usable_docks else 0.0 for site in city.sites))
