from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from backend.context import Context
from tests.small_city import POLL, SYSTEM, ask, information, open_context, refusal, vehicle


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


async def station_ids(context: Context, arguments: str) -> list[str]:
    answer = await ask(context, f"stations{arguments} {{ nodes {{ id }} }}")
    return [station["id"] for station in answer["stations"]["nodes"]]


async def vehicle_ids(context: Context, arguments: str) -> list[str]:
    answer = await ask(context, f"vehicles{arguments} {{ nodes {{ id }} }}")
    return [one["id"] for one in answer["vehicles"]["nodes"]]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ("", ["g", "l", "o"]),
        ('(ids: ["o", "g", "none", "o"])', ["g", "o"]),
        ("(ids: [])", []),
        ("(states: [EMPTY])", ["g"]),
        ("(states: [EMPTY, NORMAL])", ["g", "l", "o"]),
        ("(states: [FULL])", []),
        ("(bbox: {south: 48.385, west: -4.5, north: 48.4, east: -4.4})", ["g", "l"]),
        ("(near: {lat: 48.384, lon: -4.450})", ["o", "g", "l"]),
        ("(near: {lat: 48.384, lon: -4.450, meters: 2300})", ["o", "g"]),
        ('(search: "LIBERTE")', ["l"]),
        ('(search: "océan")', ["o"]),
        ('(search: " E  a")', ["g", "o"]),
        ('(search: "")', ["g", "l", "o"]),
        ('(search: "nowhere")', []),
        ('(ids: ["g", "l"], states: [NORMAL], search: "b")', ["l"]),
    ],
)
async def test_stations_fulfil_every_condition_and_are_in_order(
    context: Context, arguments: str, ids: list[str]
) -> None:
    assert await station_ids(context, arguments) == ids


async def test_names_are_sorted_without_case_and_accents_then_by_id(context: Context) -> None:
    stations = context.live.systems[SYSTEM].stations
    for station_id, name in (("a2", "étang"), ("a1", "Etang"), ("z", "Zoo"), ("b", "ferme")):
        stations[station_id] = information(station_id, name, 48.0, -4.0)
    assert await station_ids(context, "") == ["a1", "a2", "b", "g", "l", "o", "z"]


async def test_stations_come_in_pages(context: Context) -> None:
    selection = "stations(first: 2, after: %s) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } }"
    first = (await ask(context, selection % "null"))["stations"]
    second = (await ask(context, selection % f'"{first["pageInfo"]["endCursor"]}"'))["stations"]
    assert [page["totalCount"] for page in (first, second)] == [3, 3]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert [edge["node"]["id"] for page in (first, second) for edge in page["edges"]] == ["g", "l", "o"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("(first: 1001)", "first: 1001 is not between 0 and 1000."),
        ('(after: "WyJuYW1lIl0=")', "after: 'WyJuYW1lIl0=' is no cursor of this list in this order."),
        ("(bbox: {south: 2, west: 0, north: 1, east: 0})", "bbox: south 2.0 is greater than north 1.0."),
        ("(near: {lat: 200, lon: 0})", "near.lat: 200.0 is not between -90 and 90 degrees."),
    ],
)
async def test_what_no_station_can_fulfil_is_refused(context: Context, arguments: str, sentence: str) -> None:
    assert await refusal(context, f"stations{arguments} {{ totalCount }}") == (sentence, "BAD_INPUT")


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ("", ["v1", "v2", "v3", "v4"]),
        ("(outsideStations: true)", ["v2", "v4"]),
        ("(outsideStations: false)", ["v1", "v3"]),
        ("(reserved: true)", ["v2"]),
        ("(reserved: false, disabled: false)", ["v1", "v4"]),
        ("(disabled: true)", ["v3"]),
        ("(orderBy: CHARGE_DESC)", ["v2", "v1", "v5", "v3", "v4"]),
        ("(orderBy: CHARGE_ASC)", ["v1", "v2", "v3", "v5", "v4"]),
        ("(orderBy: CHARGE_DESC, outsideStations: false, first: 1)", ["v1"]),
    ],
)
async def test_vehicles_fulfil_every_condition_and_are_in_order(
    context: Context, arguments: str, ids: list[str]
) -> None:
    if "orderBy" in arguments:
        context.live.systems[SYSTEM].vehicles["v5"] = vehicle("v5", range_meters=30_000)
    assert await vehicle_ids(context, arguments) == ids


@pytest.mark.parametrize(("hours", "said"), [(23.9, False), (24, True), (None, None)])
async def test_a_vehicle_that_stands_still_for_long_is_abandoned(
    context: Context, hours: float | None, said: bool | None
) -> None:
    since = None if hours is None else POLL - timedelta(hours=hours)
    context.live.systems[SYSTEM].vehicles["v4"] = vehicle("v4", still_since=since)
    answer = await ask(context, "vehicles { nodes { isAbandoned } }")
    assert [one["isAbandoned"] for one in answer["vehicles"]["nodes"]] == [False, False, False, said]
    assert await vehicle_ids(context, "(abandoned: true)") == (["v4"] if said else [])
    assert await vehicle_ids(context, "(abandoned: false)") == ["v1", "v2", "v3", *(["v4"] if said is False else [])]


async def test_vehicles_come_in_pages_in_every_order(context: Context) -> None:
    for order in ("ID", "CHARGE_DESC", "CHARGE_ASC"):
        whole = await vehicle_ids(context, f"(orderBy: {order})")
        page = (await ask(context, f"vehicles(orderBy: {order}, first: 2) {{ pageInfo {{ endCursor }} }}"))["vehicles"]
        after = page["pageInfo"]["endCursor"]
        assert await vehicle_ids(context, f'(orderBy: {order}, after: "{after}")') == whole[2:]
