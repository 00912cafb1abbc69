from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from backend.context import Context
from backend.live import LiveSystem
from backend.schema import schema
from pipeline.model import FeedState, SystemInformation
from tests.small_city import NOW, POLL, SYSTEM, ask, feed, minutes, open_context, vehicle


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def add_system(context: Context, system_id: str, name: str) -> None:
    said = SystemInformation(system_id=system_id, polled_at=POLL, name=name, time_zone="Europe/Oslo")
    context.live.systems[system_id] = LiveSystem(information=said)


async def test_systems_are_listed_by_name_once_they_are_known(context: Context) -> None:
    add_system(context, "oslo", "Årstiden")
    add_system(context, "nantes", "Bicloo")
    context.live.systems["silent"] = LiveSystem()
    answer = await schema.execute("{ systems { id name timeZone operator } }", context_value=context)
    assert answer.errors is None
    assert answer.data == {
        "systems": [
            {"id": "oslo", "name": "Årstiden", "timeZone": "Europe/Oslo", "operator": None},
            {"id": "nantes", "name": "Bicloo", "timeZone": "Europe/Oslo", "operator": None},
            {"id": "brest", "name": "Vélo", "timeZone": "Europe/Paris", "operator": "Ville"},
        ]
    }


async def test_what_is_not_known_is_null(context: Context) -> None:
    add_system(context, "new", "New")
    query = '{ none: system(id: "none") { id } new: system(id: "new") { poll { polledAt } network { bikes } isStale } }'
    answer = await schema.execute(query, context_value=context)
    assert answer.errors is None
    assert answer.data == {"none": None, "new": {"poll": None, "network": None, "isStale": True}}
    assert await ask(context, 'station(id: "none") { id }') == {"station": None}


async def test_a_station_is_answered_with_all_that_is_known_of_it(context: Context) -> None:
    selection = """station(id: "g") { id name lat lon capacity observedCapacity status {
        state bikes docks bikesDisabled docksDisabled isInstalled isRenting isReturning polledAt lastReported } }"""
    assert await ask(context, selection) == {
        "station": {
            "id": "g",
            "name": "Gare",
            "lat": 48.388,
            "lon": -4.48,
            "capacity": 10,
            "observedCapacity": 14,
            "status": {
                "state": "EMPTY",
                "bikes": 0,
                "docks": 10,
                "bikesDisabled": None,
                "docksDisabled": None,
                "isInstalled": True,
                "isRenting": True,
                "isReturning": True,
                "polledAt": "2026-11-20T17:59:30.000Z",
                "lastReported": None,
            },
        }
    }


async def test_capacities_that_nobody_knows_are_null(context: Context) -> None:
    answer = await ask(context, 'station(id: "l") { capacity observedCapacity }')
    assert answer == {"station": {"capacity": None, "observedCapacity": None}}


async def test_a_vehicle_is_answered_with_its_station(context: Context) -> None:
    fields = "id lat lon station { name status { bikes } } isReserved isDisabled rangeMeters charge polledAt stillSince"
    answer = await ask(context, f"vehicles(first: 2) {{ totalCount nodes {{ {fields} }} }}")
    assert answer["vehicles"] == {
        "totalCount": 4,
        "nodes": [
            {
                "id": "v1",
                "lat": 48.39,
                "lon": -4.49,
                "station": {"name": "Liberté", "status": {"bikes": 5}},
                "isReserved": False,
                "isDisabled": False,
                "rangeMeters": None,
                "charge": 0.5,
                "polledAt": "2026-11-20T17:59:30.000Z",
                "stillSince": None,
            },
            {
                "id": "v2",
                "lat": 48.39,
                "lon": -4.49,
                "station": None,
                "isReserved": True,
                "isDisabled": False,
                "rangeMeters": None,
                "charge": 0.9,
                "polledAt": "2026-11-20T17:59:30.000Z",
                "stillSince": None,
            },
        ],
    }


async def test_a_vehicle_tells_since_when_it_stands_still(context: Context) -> None:
    context.live.systems[SYSTEM].vehicles = {"v9": vehicle("v9", still_since=POLL - minutes(60))}
    answer = await ask(context, "vehicles { nodes { stillSince isAbandoned } }")
    assert answer["vehicles"]["nodes"] == [{"stillSince": "2026-11-20T16:59:30.000Z", "isAbandoned": False}]


async def test_a_vehicle_at_an_undeclared_station_has_no_station_but_is_not_outside(context: Context) -> None:
    context.live.systems[SYSTEM].vehicles = {"v9": vehicle("v9", "undeclared", lat=None, lon=None)}
    selection = "inside: vehicles(outsideStations: false) { nodes { id lat station { id } } }"
    selection += " outside: vehicles(outsideStations: true) { totalCount }"
    assert await ask(context, selection) == {
        "inside": {"nodes": [{"id": "v9", "lat": None, "station": None}]},
        "outside": {"totalCount": 0},
    }


async def test_the_newest_poll_tells_only_of_its_own_feeds(context: Context) -> None:
    refused = feed(
        "vehicle_status",
        FeedState.REFUSED,
        NOW - minutes(5),
        reason="The body is HTML.",
        http_status=200,
        latency_ms=12.5,
        bytes=2048,
        last_updated=NOW - minutes(9),
        ttl_seconds=60.0,
        deviations=3,
        deviations_by_rule='{"count_range":{"count":2,"example":"It is -1."},"no_more":{"count":1,"example":"Old."}}',
    )
    context.live.systems[SYSTEM].feeds["vehicle_status"] = refused
    fields = "name state reason fetch polledAt lastUpdated ttlSeconds httpStatus latencyMs bytes deviationCount"
    fields += " deviations { rule meaning count example }"
    answer = await ask(context, f"poll {{ polledAt feeds {{ name }} }} feeds {{ {fields} }}")
    assert answer["poll"] == {
        "polledAt": "2026-11-20T17:59:30.000Z",
        "feeds": [{"name": "station_information"}, {"name": "station_status"}],
    }
    assert answer["feeds"][2] == {
        "name": "vehicle_status",
        "state": "REFUSED",
        "reason": "The body is HTML.",
        "fetch": "REFUSED",
        "polledAt": "2026-11-20T17:55:00.000Z",
        "lastUpdated": "2026-11-20T17:51:00.000Z",
        "ttlSeconds": 60.0,
        "httpStatus": 200,
        "latencyMs": 12.5,
        "bytes": 2048,
        "deviationCount": 3,
        "deviations": [
            {"rule": "count_range", "meaning": "a count is not negative", "count": 2, "example": "It is -1."},
            {"rule": "no_more", "meaning": None, "count": 1, "example": "Old."},
        ],
    }


async def test_the_network_is_answered_as_it_was_counted(context: Context) -> None:
    system = context.live.systems[SYSTEM]
    assert system.network is not None
    counted = {
        "stations_closed": 2,
        "vehicles_reserved": 1,
        "stations_unusable": 3,
        "imbalance": 0.25,
        "fleet": 12,
        "vehicles_abandoned": 0,
        "charge_low_quartile": 0.125,
        "charge_median": 0.5,
        "charge_high_quartile": 0.75,
    }
    system.network = msgspec.structs.replace(system.network, **counted)
    selection = """network { polledAt stationsExpected stationsReporting bikes docks bikesDisabled docksDisabled
        empty nearlyEmpty full nearlyFull closed unknown vehiclesOutsideStations vehiclesReserved vehiclesDisabled
        stationsUnusable imbalance fleet vehiclesAbandoned vehiclesLowCharge
        chargeLowQuartile chargeMedian chargeHighQuartile }"""
    assert await ask(context, selection) == {
        "network": {
            "polledAt": "2026-11-20T17:59:30.000Z",
            "stationsExpected": 3,
            "stationsReporting": 3,
            "bikes": 9,
            "docks": 21,
            "bikesDisabled": 1,
            "docksDisabled": 0,
            "empty": 1,
            "nearlyEmpty": 0,
            "full": 0,
            "nearlyFull": 0,
            "closed": 2,
            "unknown": 0,
            "vehiclesOutsideStations": None,
            "vehiclesReserved": 1,
            "vehiclesDisabled": None,
            "stationsUnusable": 3,
            "imbalance": 0.25,
            "fleet": 12,
            "vehiclesAbandoned": 0,
            "vehiclesLowCharge": None,
            "chargeLowQuartile": 0.125,
            "chargeMedian": 0.5,
            "chargeHighQuartile": 0.75,
        }
    }


async def test_a_system_tells_where_it_is_how_large_and_how_well(context: Context) -> None:
    selection = "stationCount bounds { south west north east } health { state reason feeds { name } }"
    assert await ask(context, selection) == {
        "stationCount": 3,
        "bounds": {"south": 48.384, "west": -4.486, "north": 48.39, "east": -4.45},
        "health": {
            "state": "FRESH",
            "reason": None,
            "feeds": [{"name": "station_information"}, {"name": "station_status"}],
        },
    }


async def test_a_system_of_which_nothing_came_yet_is_nowhere(context: Context) -> None:
    add_system(context, "new", "New")
    query = '{ system(id: "new") { stationCount bounds { south } health { state feeds { name } } } }'
    answer = await schema.execute(query, context_value=context)
    assert answer.data == {"system": {"stationCount": 0, "bounds": None, "health": {"state": None, "feeds": []}}}
