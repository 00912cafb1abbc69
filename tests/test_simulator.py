"""The simulated systems: valid GBFS of three versions, and a city that commutes without losing a bike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from pipeline.simulator.brest import BREST
from pipeline.simulator.city import City, generated_city, metres
from pipeline.simulator.clock import Clock
from pipeline.simulator.documents import FEEDS, Version
from pipeline.simulator.network import Network
from pipeline.simulator.server import Simulator, System, cities
from tests.official_schemas import faults_in

TUESDAY_4H = datetime(2026, 11, 24, 3, tzinfo=UTC)  # 04:00 in Brest, where a day of riding starts


class Hands:
    """A clock to be set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def network_at(hour: float, city: City = BREST, seed: int = 1, day: datetime = TUESDAY_4H) -> Network:
    network = Network(city, seed)
    network.advance(day + timedelta(hours=hour - 4))
    return network


def bikes_around(network: Network, kind: str) -> int:
    """Bikes at the quarter of the stations with the most of ``kind`` around."""
    ranked = sorted(zip(network.city.sites, network.stations(), strict=True), key=lambda pair: -getattr(pair[0], kind))
    return sum(counts.bikes for _, counts in ranked[: len(ranked) // 4])


@pytest.fixture
def hands() -> Hands:
    return Hands(TUESDAY_4H + timedelta(hours=5))


@pytest.fixture
async def client(hands: Hands) -> AsyncIterator[httpx.AsyncClient]:
    clock = Clock(60, read=hands)
    systems = [System(Network(city, 1), clock) for city in cities(2, None, 1)]
    transport = httpx.ASGITransport(Simulator(systems).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        yield client


async def fetch(client: httpx.AsyncClient, url: str) -> Any:
    return (await client.get(url)).json()


async def feed_urls(client: httpx.AsyncClient, discovery: str) -> dict[str, str]:
    data = (await fetch(client, discovery))["data"]
    feeds = data["feeds"] if "feeds" in data else next(iter(data.values()))["feeds"]
    return {feed["name"]: feed["url"] for feed in feeds}


@pytest.mark.parametrize(("version", "folder"), [("1.1", "v1/"), ("2.3", ""), ("3.0", "v3/")])
@pytest.mark.parametrize("system", ["brest-demo", "city-02"])
async def test_every_document_is_valid_by_the_official_schemas(
    client: httpx.AsyncClient, system: str, version: Version, folder: str
) -> None:
    urls = await feed_urls(client, f"/{system}/{folder}gbfs.json")
    documents = {name: await fetch(client, url) for name, url in urls.items()}
    documents["gbfs"] = await fetch(client, f"/{system}/{folder}gbfs.json")
    faults = {name: faults_in(document, version, name) for name, document in documents.items()}
    assert faults == {name: [] for name in ("gbfs", *FEEDS[version])}


async def test_the_plain_discovery_is_the_first_systems(client: httpx.AsyncClient) -> None:
    assert (await fetch(client, "/gbfs.json")) == (await fetch(client, "/brest-demo/gbfs.json"))


async def test_an_unknown_system_or_feed_is_not_found(client: httpx.AsyncClient) -> None:
    paths = [
        "/paris/gbfs.json",
        "/paris/station_status.json",
        "/brest-demo/vehicle_status.json",
        "/brest-demo/v3/x.json",
        "/brest-demo/v1/vehicle_types.json",
        "/brest-demo/v4/gbfs.json",
    ]
    assert [(await client.get(path)).status_code for path in paths] == [404] * 6


async def test_a_document_changes_with_the_tick_and_not_before(client: httpx.AsyncClient, hands: Hands) -> None:
    first = await client.get("/brest-demo/station_status.json")
    hands.now += timedelta(seconds=59)
    same = await client.get("/brest-demo/station_status.json", headers={"If-None-Match": first.headers["etag"]})
    hands.now += timedelta(seconds=1)
    next_tick = await client.get("/brest-demo/station_status.json", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert next_tick.status_code == 200
    assert next_tick.json()["last_updated"] == first.json()["last_updated"] + 60


async def test_a_document_tells_when_its_tick_began_and_how_long_it_lasts(
    client: httpx.AsyncClient, hands: Hands
) -> None:
    hands.now += timedelta(seconds=42)
    envelope = await fetch(client, "/brest-demo/v3/station_status.json")
    assert (envelope["last_updated"], envelope["ttl"]) == ("2026-11-24T08:00:00Z", 60)


async def test_all_versions_tell_the_same(client: httpx.AsyncClient) -> None:
    oldest = (await fetch(client, "/brest-demo/v1/station_status.json"))["data"]["stations"]
    old = (await fetch(client, "/brest-demo/station_status.json"))["data"]["stations"]
    assert [s | {"vehicle_types_available": []} for s in oldest] == [s | {"vehicle_types_available": []} for s in old]
    new = (await fetch(client, "/brest-demo/v3/station_status.json"))["data"]["stations"]
    assert [(s["station_id"], s["num_bikes_available"], s["num_docks_available"]) for s in old] == [
        (s["station_id"], s["num_vehicles_available"], s["num_docks_available"]) for s in new
    ]


async def test_a_vehicle_outside_stations_names_no_station(client: httpx.AsyncClient) -> None:
    bikes = (await fetch(client, "/brest-demo/free_bike_status.json"))["data"]["bikes"]
    outside = [bike for bike in bikes if "station_id" not in bike]
    places = {(site.lat, site.lon) for site in BREST.sites}
    assert outside
    assert all((bike["lat"], bike["lon"]) not in places for bike in outside)


def test_no_bike_is_lost_or_invented_in_a_day() -> None:
    network = Network(BREST, 1)
    for quarter in range(96):
        network.advance(TUESDAY_4H + timedelta(minutes=15 * quarter))
        assert len(network.vehicles()) + network.riding == BREST.usual_vehicles
        for site, counts in zip(BREST.sites, network.stations(), strict=True):
            reserved = sum(v.is_reserved for v in network.vehicles() if v.site == BREST.sites.index(site))
            docked = counts.bikes + counts.bikes_disabled + reserved
            assert docked + counts.docks == site.usable_docks


def test_the_morning_fills_the_work_places_and_the_evening_empties_them() -> None:
    night, noon, late = (network_at(hour) for hour in (5, 11, 22))
    work = [bikes_around(network, "work") for network in (night, noon, late)]
    home = [bikes_around(network, "home") for network in (night, noon, late)]
    assert work[1] > 1.5 * work[0]
    assert work[1] > 1.2 * work[2]
    assert home[1] < 0.6 * home[0]
    assert home[1] < home[2]


def test_rush_hour_is_busy_and_night_is_quiet() -> None:
    assert network_at(8.2).riding > 10 * max(1, network_at(4.5).riding)


def test_the_weekend_has_no_morning_rush() -> None:
    saturday = datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert network_at(8.2, day=saturday).riding < 0.3 * network_at(8.2).riding
    assert network_at(15, day=saturday).riding > network_at(8.2, day=saturday).riding


def test_a_state_depends_on_the_seed_and_the_instant_alone() -> None:
    in_steps = Network(BREST, 1)
    for minute in range(0, 600, 7):
        in_steps.advance(TUESDAY_4H + timedelta(minutes=minute))
    in_steps.advance(TUESDAY_4H + timedelta(hours=10))
    at_once = network_at(14)
    assert (in_steps.stations(), in_steps.vehicles()) == (at_once.stations(), at_once.vehicles())
    assert at_once.stations() != network_at(14, seed=2).stations()


def test_going_back_shows_the_earlier_state_again() -> None:
    network = network_at(9)
    earlier = network.stations()
    network.advance(TUESDAY_4H + timedelta(hours=12))
    network.advance(TUESDAY_4H + timedelta(hours=5))
    assert network.stations() == earlier


def test_a_ride_drains_the_battery_a_dock_fills_it_and_the_id_changes() -> None:
    network = Network(generated_city(1, 2, 1), seed=6, vehicles=1)
    seen = []
    for minute in range(24 * 60):
        network.advance(TUESDAY_4H + timedelta(minutes=minute))
        seen += network.vehicles()
    rides = [(before, after) for before, after in pairwise(seen) if before.vehicle_id != after.vehicle_id]
    rests = [(before, after) for before, after in pairwise(seen) if before.vehicle_id == after.vehicle_id]
    assert rides
    assert all(after.charge < before.charge for before, after in rides)
    assert all(after.charge >= before.charge for before, after in rests)
    assert any(after.charge > before.charge for before, after in rests)


def test_some_vehicles_are_reserved_disabled_or_outside_by_day() -> None:
    vehicles = network_at(18).vehicles()
    assert any(vehicle.is_reserved for vehicle in vehicles)
    assert any(vehicle.is_disabled for vehicle in vehicles)
    assert any(vehicle.site is None for vehicle in vehicles)
    assert all(0 < vehicle.charge <= 1 for vehicle in vehicles)


def test_more_vehicles_than_docks_are_left_outside() -> None:
    city = generated_city(1, 2, 1)
    network = Network(city, 1, vehicles=100)
    network.advance(TUESDAY_4H)
    docks = sum(site.usable_docks for site in city.sites)
    assert sum(vehicle.site is None for vehicle in network.vehicles()) == 100 - docks
    assert [counts.docks for counts in network.stations()] == [0, 0]


def test_brest_has_about_forty_stations_apart_from_each_other() -> None:
    pairs = [(a, b) for number, a in enumerate(BREST.sites) for b in BREST.sites[:number]]
    assert 38 <= len(BREST.sites) <= 44
    assert min(metres(a.lat, a.lon, b.lat, b.lon) for a, b in pairs) > 150
    assert all(48.35 < site.lat < 48.43 and -4.63 < site.lon < -4.42 for site in BREST.sites)


def test_the_systems_are_brest_first_unless_a_size_is_asked_for() -> None:
    assert [(c.system_id, len(c.sites)) for c in cities(2, None, 1)] == [("brest-demo", 42), ("city-02", 40)]
    assert [(c.system_id, len(c.sites)) for c in cities(2, 7, 1)] == [("city-01", 7), ("city-02", 7)]


def test_faster_time_plays_an_hour_in_a_minute_and_publishes_real_times() -> None:
    hands = Hands(TUESDAY_4H)
    clock = Clock(1, speed=60, read=hands)
    shown = TUESDAY_4H + timedelta(minutes=1)
    assert clock.simulated(shown) == TUESDAY_4H + timedelta(hours=1)
    assert clock.published(clock.simulated(shown)) == shown
