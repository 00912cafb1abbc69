"""The simulator's faults: asked for over HTTP, seen in its answers, and over when they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import MEANING, USUAL_VALUE, Fault, FaultKind, Faults
from pipeline.simulator.network import Network
from pipeline.simulator.server import Simulator, System, cities
from tests.test_simulator import Hands

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STATUS = "/city-01/station_status.json"


@pytest.fixture
def hands() -> Hands:
    return Hands(NOON)


@pytest.fixture
async def client(hands: Hands) -> AsyncIterator[httpx.AsyncClient]:
    systems = [System(Network(city, 1), Clock(60, read=hands)) for city in cities(2, 5, 1)]
    transport = httpx.ASGITransport(Simulator(systems).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        yield client


async def put(client: httpx.AsyncClient, kind: str, **more: Any) -> int:
    answer = await client.post("/faults", json={"kind": kind, **more})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["number"]
    return number


async def stations(client: httpx.AsyncClient, url: str = STATUS) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(url)).json()["data"]["stations"]
    return found


async def test_a_fault_is_listed_with_all_kinds_there_are_and_taken_away(client: httpx.AsyncClient) -> None:
    first = await put(client, "slow", system="city-01", value=2.0, count=3)
    second = await put(client, "html", feed="station_status")
    told = (await client.get("/faults")).json()
    assert told == {
        "faults": [
            {"number": first, "kind": "slow", "system": "city-01", "value": 2.0, "count": 3, "left": 3},
            {"number": second, "kind": "html", "feed": "station_status"},
        ],
        "kinds": {kind.value: MEANING[kind] for kind in FaultKind},
    }
    assert (await client.delete(f"/faults/{first}")).status_code == 204
    assert (await client.delete(f"/faults/{first}")).status_code == 404
    assert [fault["number"] for fault in (await client.get("/faults")).json()["faults"]] == [second]
    assert (await client.delete("/faults")).status_code == 204
    assert (await client.get("/faults")).json()["faults"] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"kind": "broken"}, "Invalid enum value 'broken' - at `$.kind`"),
        ({"kind": "slow", "sytems": "x"}, "Object contains unknown field `sytems`"),
        ({"kind": "slow", "system": "paris"}, "there is no system 'paris'"),
        ({"kind": "slow", "value": -1}, "value: -1.0 is negative"),
        ({"kind": "error", "value": 200}, "value: 200 is no status of an error (400 to 599)"),
        ({"kind": "version", "value": 2.0}, "value: 2 is not one of 1.1, 2.3, 3.0"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_in_a_sentence(
    client: httpx.AsyncClient, body: dict[str, Any], reason: str
) -> None:
    answer = await client.post("/faults", json=body)
    assert (answer.status_code, answer.text) == (400, f"The fault is refused: {reason}.\n")


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        ("error", None, (500, None, b"")),
        ("error", 503, (503, None, b"")),
        ("limited", 7, (429, "7", b"")),
        ("not_modified", None, (304, None, b"")),
        ("empty", None, (200, None, b"")),
    ],
)
async def test_a_server_that_does_not_answer_with_a_document(
    client: httpx.AsyncClient, kind: str, value: float | None, seen: tuple[int, str | None, bytes]
) -> None:
    await put(client, kind, system="city-01", feed="station_status", value=value)
    answer = await client.get(STATUS)
    assert (answer.status_code, answer.headers.get("retry-after"), answer.content) == seen
    for url in ("/city-02/station_status.json", "/city-01/station_information.json", "/city-01/gbfs.json"):
        assert len((await client.get(url)).json()["data"]) == 1


async def test_a_body_in_html_or_cut_in_half(client: httpx.AsyncClient) -> None:
    whole = (await client.get(STATUS)).content
    await put(client, "html", count=1)
    assert (await client.get(STATUS)).text.startswith("<!DOCTYPE html>")
    await put(client, "truncated", count=1)
    assert (await client.get(STATUS)).content == whole[: len(whole) // 2]
    assert (await client.get(STATUS)).content == whole


async def test_a_slow_answer_comes_in_the_end(client: httpx.AsyncClient) -> None:
    await put(client, "slow", value=0.2)
    before = datetime.now(UTC)
    assert len(await stations(client)) == 5
    assert datetime.now(UTC) - before >= timedelta(seconds=0.2)


async def test_stale_repeats_a_document_with_its_old_times(client: httpx.AsyncClient, hands: Hands) -> None:
    await put(client, "stale", value=900)
    first = await client.get(STATUS)
    hands.now += timedelta(hours=1)
    assert (await client.get(STATUS)).content == first.content
    assert first.json()["last_updated"] == int(NOON.timestamp()) - 900


async def test_frozen_repeats_the_counts_under_a_new_time(client: httpx.AsyncClient, hands: Hands) -> None:
    number = await put(client, "frozen")
    first = (await client.get(STATUS)).json()
    hands.now += timedelta(hours=6)
    later = (await client.get(STATUS)).json()
    assert later == first | {"last_updated": int(hands.now.timestamp())}
    await client.delete(f"/faults/{number}")
    assert (await client.get(STATUS)).json()["data"] != first["data"]


async def test_a_dead_system_has_neither_bikes_nor_docks(client: httpx.AsyncClient) -> None:
    await put(client, "dead")
    found = await stations(client, "/city-01/v3/station_status.json")
    assert {(one["num_vehicles_available"], one["num_docks_available"]) for one in found} == {(0, 0)}
    assert len(await stations(client, "/city-01/v3/station_information.json")) == 5
    assert (await client.get("/city-01/v3/vehicle_status.json")).json()["data"] == {"vehicles": []}


async def test_stations_without_an_id_and_stations_that_vanish(client: httpx.AsyncClient) -> None:
    ids = [station["station_id"] for station in await stations(client)]
    number = await put(client, "malformed", value=2)
    assert [station.get("station_id") for station in await stations(client)] == [None, None, *ids[2:]]
    await client.delete(f"/faults/{number}")
    await put(client, "vanished")
    assert [station["station_id"] for station in await stations(client)] == ids[1:]


async def test_a_version_that_changes_under_the_same_address(client: httpx.AsyncClient) -> None:
    await put(client, "version", system="city-01")
    feeds = {feed["name"]: feed["url"] for feed in (await client.get("/city-01/gbfs.json")).json()["data"]["feeds"]}
    assert feeds["vehicle_status"] == "http://simulator/city-01/v3/vehicle_status.json"
    assert (await client.get("/city-01/free_bike_status.json")).json()["version"] == "3.0"
    assert (await client.get("/city-02/gbfs.json")).json()["version"] == "2.3"


async def test_a_version_without_the_feed_has_none(client: httpx.AsyncClient) -> None:
    await put(client, "version", value=1.1)
    assert (await client.get("/city-01/vehicle_types.json")).status_code == 404


async def test_a_clock_that_is_ahead(client: httpx.AsyncClient) -> None:
    await put(client, "skewed", value=600)
    told = (await client.get("/city-01/v3/station_status.json")).json()
    assert told["last_updated"] == "2026-11-24T12:10:00Z"
    assert all(station["last_reported"] > "2026-11-24T12:09:00Z" for station in told["data"]["stations"])


async def test_the_vehicles_feed_goes_by_both_of_its_names(client: httpx.AsyncClient) -> None:
    await put(client, "error", feed="vehicle_status")
    assert (await client.get("/city-01/free_bike_status.json")).status_code == 500
    assert (await client.get(STATUS)).status_code == 200


def test_a_fault_ends_after_its_answers_or_its_seconds() -> None:
    now = [0.0]
    faults = Faults(lambda: now[0])
    faults.add(Fault(kind=FaultKind.HTML, count=2))
    faults.add(Fault(kind=FaultKind.SLOW, seconds=5))

    def taken() -> list[str]:
        return [active.fault.kind.value for active in faults.take("city-01", "gbfs")]

    assert [taken(), taken(), taken()] == [["html", "slow"], ["html", "slow"], ["slow"]]
    now[0] = 5.0
    assert taken() == []


def test_every_kind_of_fault_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text()
    usual = {kind: f"{USUAL_VALUE[kind]:g}" if kind in USUAL_VALUE else "" for kind in FaultKind}
    rows = [f"| `{kind}` | {usual[kind]} | {meaning} |".replace("|  |", "| |") for kind, meaning in MEANING.items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows
