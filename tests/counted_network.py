"""A poll's totals counted one by one, and polls made at random to count."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from fractions import Fraction
from statistics import quantiles

import msgspec

from pipeline.model import NetworkStatus, Record, StationStatus, VehicleStatus
from tests.made_polls import HOLD, START, SYSTEM, feed, station, vehicle

COMPARED = (
    "stations_unusable",
    "imbalance",
    "fleet",
    "vehicles_abandoned",
    "vehicles_low_charge",
    "charge_low_quartile",
    "charge_median",
    "charge_high_quartile",
)


def zero(**more: object) -> NetworkStatus:
    """Totals of a poll at START without vehicles in which everything is 0 but what is given."""
    counts = {
        field.name: 0
        for field in msgspec.structs.fields(NetworkStatus)
        if field.name not in {"system_id", "polled_at", "hold_seconds"} and field.required
    } | {"stations_unusable": 0, "fleet": 0}
    return NetworkStatus(**{"system_id": SYSTEM, "polled_at": START, "hold_seconds": HOLD} | counts | more)  # type: ignore[arg-type]


def unevenness(counts: list[tuple[int | None, int | None]]) -> float | None:
    """Half of what the stations have too much and too little, as a share of all bikes."""
    known = [(bikes, docks) for bikes, docks in counts if bikes is not None and docks is not None]
    all_bikes, all_places = sum(bikes for bikes, _ in known), sum(bikes + docks for bikes, docks in known)
    if not all_bikes:
        return None
    share = Fraction(all_bikes, all_places)
    return float(sum(abs(bikes - share * (bikes + docks)) for bikes, docks in known) / (2 * all_bikes))


def made_poll(chance: random.Random, polled_at: datetime) -> tuple[list[Record], NetworkStatus]:
    """A poll of a city made at random, and its totals by brute force."""
    counts = [(chance.choice((None, 0, 1, 5, 30)), chance.choice((None, 0, 2, 9))) for _ in range(chance.randrange(9))]
    stations = [
        station(
            str(number),
            bikes,
            docks,
            polled_at,
            bikes_disabled=chance.choice((None, 0, 3)),
            is_installed=chance.random() < 0.8,
            is_renting=chance.random() < 0.8,
            is_returning=chance.random() < 0.8,
        )
        for number, (bikes, docks) in enumerate(counts)
    ]
    vehicles = [
        vehicle(
            str(number),
            chance.choice((None, "1")),
            polled_at,
            charge=chance.choice((None, 0.0, 0.2, 0.21, chance.random())),
            still_since=chance.choice((None, polled_at - timedelta(hours=chance.randrange(20, 28)))),
        )
        for number in range(chance.randrange(12))
    ]
    feeds = [feed(name, polled_at, entities=0) for name in ("station_status", "vehicle_status")]
    return [*feeds, *stations, *vehicles], _counted(polled_at, stations, vehicles)


def _counted(polled_at: datetime, stations: list[StationStatus], vehicles: list[VehicleStatus]) -> NetworkStatus:
    known = [one.bikes for one in stations if one.bikes is not None]
    charges = [one.charge for one in vehicles if one.charge is not None]
    outside = [one for one in vehicles if one.station_id is None]
    quartiles = quantiles(charges * (1 + (len(charges) == 1)), method="inclusive") if charges else [None] * 3
    return zero(
        polled_at=polled_at,
        stations_unusable=sum(
            not (one.is_installed and one.is_renting and one.is_returning) or 0 in (one.bikes, one.docks)
            for one in stations
        ),
        imbalance=unevenness([(one.bikes, one.docks) for one in stations]),
        fleet=sum(known) + sum(one.bikes_disabled or 0 for one in stations) + len(outside)
        if known or not stations
        else None,
        vehicles_abandoned=sum(
            one.still_since is not None and polled_at - one.still_since >= timedelta(hours=24) for one in vehicles
        ),
        vehicles_low_charge=sum(charge <= 0.2 for charge in charges) if charges or not vehicles else None,
        charge_low_quartile=quartiles[0],
        charge_median=quartiles[1],
        charge_high_quartile=quartiles[2],
    )


def compared(total: NetworkStatus) -> dict[str, float]:
    """What is counted here of a poll's totals, without what is unknown."""
    return {name: value for name in COMPARED if (value := getattr(total, name)) is not None}
