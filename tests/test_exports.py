"""What other software reads of a system: clean GBFS by the official schemas, GeoJSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from backend.context import Context
from backend.exports import Exports
from backend.gbfs_documents import FEEDS, Version
from backend.live import LiveSystem
from pipeline.check import check_fetches
from pipeline.gbfs_model import Feed
from pipeline.model import FeedState, SystemInformation
from pipeline.reading import Fetch
from tests.official_schemas import faults_in
from tests.small_city import NOW, POLL, SYSTEM, feed, minutes, open_context, status


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        context.live.current.set()
        live = context.live.systems[SYSTEM]
        record = feed("station_status", last_updated=POLL - timedelta(seconds=20), ttl_seconds=10.0)
        live.feeds["station_status"] = live.observed["station_status"] = record
        vehicles = feed("vehicle_status", last_updated=POLL + minutes(10))
        live.feeds["vehicle_status"] = live.observed["vehicle_status"] = vehicles
        yield context


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=Exports(context).routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://bikes.example") as client:
        yield client


async def fetch(client: httpx.AsyncClient, url: str) -> Any:
    answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def feeds_of(client: httpx.AsyncClient, folder: str, system_id: str = SYSTEM) -> dict[str, Any]:
    """Every document that the discovery leads to, and itself."""
    discovery = await fetch(client, f"/gbfs/{system_id}/{folder}gbfs.json")
    data = discovery["data"]
    listed = data["feeds"] if "feeds" in data else next(iter(data.values()))["feeds"]
    return {"gbfs": discovery, **{one["name"]: await fetch(client, one["url"]) for one in listed}}


def bare_system() -> LiveSystem:
    """One of which nothing is known but that it is there."""
    said = SystemInformation(system_id="bare", polled_at=POLL, name="bare", time_zone="UTC", language="?")
    return LiveSystem(information=said)


@pytest.mark.parametrize(("version", "folder"), [("2.3", ""), ("3.0", "3.0/")])
@pytest.mark.parametrize("system_id", [SYSTEM, "bare"])
async def test_every_document_is_valid_by_the_official_schemas(
    context: Context, client: httpx.AsyncClient, version: Version, folder: str, system_id: str
) -> None:
    context.live.systems["bare"] = bare_system()
    live = context.live.systems[SYSTEM]
    live.statuses["l"] = replace(live.statuses["l"], last_reported=datetime(2001, 1, 1, tzinfo=UTC))
    documents = await feeds_of(client, folder, system_id)
    faults = {name: faults_in(document, version, name) for name, document in documents.items()}
    vehicles = {"free_bike_status", "vehicle_status"}
    expected = [name for name in FEEDS[version] if system_id == SYSTEM or name not in vehicles]
    assert faults == {name: [] for name in ("gbfs", "gbfs_versions", *expected)}


async def test_the_manifest_lists_all_systems_in_both_versions(context: Context, client: httpx.AsyncClient) -> None:
    context.live.systems["new"] = LiveSystem()
    manifest = await fetch(client, "/gbfs/manifest.json")
    assert faults_in(manifest, "3.0", "manifest") == []
    assert manifest["data"] == {
        "datasets": [
            {
                "system_id": "brest",
                "versions": [
                    {"version": "2.3", "url": "http://bikes.example/gbfs/brest/gbfs.json"},
                    {"version": "3.0", "url": "http://bikes.example/gbfs/brest/3.0/gbfs.json"},
                ],
            }
        ]
    }


async def test_a_document_is_as_old_as_its_source_says_and_lasts_until_our_next_poll(client: httpx.AsyncClient) -> None:
    documents = await feeds_of(client, "3.0/")
    assert {name: (one["last_updated"], one["ttl"]) for name, one in documents.items()} == {
        "gbfs": ("2026-11-20T17:59:30Z", 300),
        "gbfs_versions": ("2026-11-20T17:59:30Z", 300),
        "system_information": ("2026-11-20T17:59:30Z", 300),
        "station_information": ("2026-11-20T17:59:30Z", 300),
        "station_status": ("2026-11-20T17:59:10Z", 60),
        "vehicle_status": ("2026-11-20T17:59:30Z", 60),
    }


async def test_a_station_is_told_with_what_is_known_of_it_and_nothing_else(
    context: Context, client: httpx.AsyncClient
) -> None:
    live = context.live.systems[SYSTEM]
    live.statuses["l"] = replace(live.statuses["l"], docks=None, last_reported=NOW + minutes(60))
    documents = await feeds_of(client, "")
    told = {one["station_id"]: one for one in documents["station_status"]["data"]["stations"]}
    assert told["l"] == {
        "station_id": "l",
        "num_bikes_available": 5,
        "num_bikes_disabled": 1,
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "last_reported": int(POLL.timestamp()),
    }
    declared = {one["station_id"]: one for one in documents["station_information"]["data"]["stations"]}
    assert declared["l"] == {
        "station_id": "l",
        "name": "Liberté",
        "lat": 48.39,
        "lon": -4.486,
        "is_virtual_station": False,
    }


async def test_what_is_out_of_date_or_unknown_is_left_out(context: Context, client: httpx.AsyncClient) -> None:
    live = context.live.systems[SYSTEM]
    late = status("o", 4, 12, POLL - minutes(1))
    live.load([status("g", None, 10), status("l", 5, 9, is_renting=False, is_returning=False), late], [], NOW)
    told = (await feeds_of(client, ""))["station_status"]["data"]["stations"]
    assert [(one["station_id"], one["is_renting"]) for one in told] == [("l", False)]


async def test_of_a_system_that_is_no_longer_polled_nothing_is_told_as_live(
    context: Context, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with open_context(tmp_path / "late", NOW + minutes(10)) as late:
        late.live.current.set()
        transport = httpx.ASGITransport(Starlette(routes=Exports(late).routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://bikes.example") as client:
            status_document = await fetch(client, "/gbfs/brest/station_status.json")
            stations = (await fetch(client, "/gbfs/brest/stations.geojson"))["features"]
    assert (status_document["last_updated"], status_document["data"]) == (int(POLL.timestamp()), {"stations": []})
    assert {(one["properties"]["state"], one["properties"]["bikes"]) for one in stations} == {("UNKNOWN", None)}


async def test_an_answer_that_is_known_is_not_sent_again_until_something_changes(
    context: Context, client: httpx.AsyncClient
) -> None:
    url = "/gbfs/brest/station_status.json"
    first = await client.get(url)
    assert first.headers["access-control-allow-origin"] == "*"
    known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = await client.get(url, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    live = context.live.systems[SYSTEM]
    live.statuses["l"] = status("l", 6, 8)
    live.sequence += 1
    changed = await client.get(url, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_geojson_has_the_longitude_first_and_nulls_for_what_is_unknown(client: httpx.AsyncClient) -> None:
    answer = await client.get("/gbfs/brest/stations.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["features"][0] == {
        "type": "Feature",
        "id": "g",
        "geometry": {"type": "Point", "coordinates": [-4.48, 48.388]},
        "properties": {
            "station_id": "g",
            "name": "Gare",
            "capacity": 10,
            "observed_capacity": 14,
            "state": "EMPTY",
            "bikes": 0,
            "docks": 10,
            "bikes_disabled": None,
            "docks_disabled": None,
            "is_installed": True,
            "is_renting": True,
            "is_returning": True,
            "polled_at": "2026-11-20T17:59:30Z",
            "last_reported": None,
        },
    }


async def test_csv_has_a_header_and_keeps_names_whole(context: Context, client: httpx.AsyncClient) -> None:
    live = context.live.systems[SYSTEM]
    live.stations["g"] = replace(live.stations["g"], name='Gare, "Nord"')
    del live.statuses["o"]
    answer = await client.get("/gbfs/brest/stations.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["name"], row["state"], row["bikes"], row["is_renting"]) for row in rows] == [
        ('Gare, "Nord"', "EMPTY", "0", "true"),
        ("Liberté", "NORMAL", "5", "true"),
        ("Océan", "UNKNOWN", "", ""),
    ]


@pytest.mark.parametrize(
    "path", ["/gbfs/paris/gbfs.json", "/gbfs/brest/2.0/gbfs.json", "/gbfs/brest/x.json", "/gbfs/brest/stations.xml"]
)
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_a_system_without_vehicles_has_no_feed_of_them(context: Context, client: httpx.AsyncClient) -> None:
    live = context.live.systems[SYSTEM]
    del live.feeds["vehicle_status"]
    told = ["gbfs", "gbfs_versions", "station_information", "station_status", "system_information"]
    assert sorted(await feeds_of(client, "")) == told
    live.feeds["vehicle_status"] = feed("vehicle_status", FeedState.UNREACHABLE)
    assert "free_bike_status" in await feeds_of(client, "")


async def test_before_the_log_was_read_nothing_is_told(context: Context, client: httpx.AsyncClient) -> None:
    context.live.current.clear()
    for path in ("/gbfs/manifest.json", "/gbfs/brest/gbfs.json", "/gbfs/brest/stations.csv"):
        assert (await client.get(path)).status_code == 503


@pytest.mark.parametrize("folder", ["", "3.0/"])
async def test_our_own_check_finds_nothing_but_what_nobody_knows(
    context: Context, client: httpx.AsyncClient, folder: str
) -> None:
    live = context.live.systems[SYSTEM]
    for number, (name, known) in enumerate(live.statuses.items(), start=1):
        live.statuses[name] = replace(known, last_reported=POLL - minutes(number))
    documents = await feeds_of(client, folder)
    named = {Feed.named(name): orjson.dumps(document) for name, document in documents.items()}
    fetches = {feed: Fetch(url="http://bikes.example", body=body) for feed, body in named.items() if feed}
    report = check_fetches("here", fetches, context.settings, NOW)
    found = {(one.feed.value, finding.rule.value) for one in report.feeds for finding in one.findings}
    assert found == {("station_information", "capacity")}
    assert [one.official for one in report.feeds] == [()] * len(fetches)
