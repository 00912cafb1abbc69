from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from starlette.requests import Request
from starlette.responses import Response

from pipeline.model import FeedState, FeedStatus, StationInformation, StationStatus, SystemInformation, VehicleStatus
from pipeline.poller import start_delay
from pipeline.ports import Log
from tests.feed_server import FeedServer, feed_server
from tests.gbfs_documents import body, status, vehicle
from tests.log_reading import of, read_until
from tests.polling import POLL_SECONDS, live, now_document, opened, polling, polls_of, states, until


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with opened(log_url) as found:
        yield found


async def test_the_first_poll_holds_all_that_the_feeds_say(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour", "", "free_bike_status")
    feeds.answers["station_status"] = live()
    feeds.answers["free_bike_status"] = lambda request: Response(body({"bikes": [vehicle("v_1")]}, datetime.now(UTC)))

    async with polling(log, url):
        records = await read_until(log, lambda records: bool(of(FeedStatus, records)))

    first = [record for record in records if record.polled_at == records[0].polled_at]
    assert [type(record) for record in first[:6]] == [
        SystemInformation,
        StationInformation,
        StationInformation,
        StationStatus,
        StationStatus,
        VehicleStatus,
    ]
    assert {record.feed: record.state for record in of(FeedStatus, first)} == dict.fromkeys(
        ["gbfs", "system_information", "station_information", "station_status", "vehicle_status"], FeedState.OK
    )
    assert {record.system_id for record in first} == {"harbour"}
    assert of(SystemInformation, first)[0].feed_url == url


async def test_polls_keep_to_their_grid(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")

    def slow(request: Request) -> Response:
        time.sleep(0.02)
        return live()(request)

    feeds.answers["station_status"] = slow

    async with polling(log, url):
        records = await read_until(log, polls_of(12))

    instants = sorted({record.polled_at for record in of(StationStatus, records)})
    elapsed = (instants[-1] - instants[0]).total_seconds()
    # Slow answers and their polls' work add nothing; ticks may be left out on a busy machine, but never moved.
    assert abs(elapsed - round(elapsed / POLL_SECONDS) * POLL_SECONDS) < POLL_SECONDS / 2
    assert elapsed < POLL_SECONDS * 11 + 2 * POLL_SECONDS


async def test_what_changes_and_what_does_not_is_told(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live(3)

    async with polling(log, url):
        await read_until(log, polls_of(2))
        feeds.answers["station_status"] = live(4)
        records = await read_until(log, lambda records: [one.bikes for one in of(StationStatus, records)].count(4) >= 2)

    by_station = [one for one in of(StationStatus, records) if one.station_id == "st_1"]
    changes = [(one.bikes, one.seen_before is not None) for one in by_station if one.changed]
    assert changes == [(3, False), (4, True)]


async def test_after_a_restart_an_unchanged_station_is_unchanged(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live()
    async with polling(log, url):
        before = await read_until(log, polls_of(2))

    async with polling(log, url):
        records = await read_until(log, lambda records: len(of(SystemInformation, records)) == 2)

    at_restart = of(SystemInformation, records)[1].polled_at
    again = [one for one in of(StationStatus, records) if one.polled_at == at_restart]
    assert len(before) < len(records)
    assert [one.changed for one in again] == [False, False]
    assert all(one.seen_before is not None for one in again)


async def test_not_modified_observes_again(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    document = now_document(status("st_1"))
    feeds.answers["station_status"] = lambda request: (
        Response(status_code=304) if "if-none-match" in request.headers else Response(document, headers={"etag": '"1"'})
    )

    async with polling(log, url):
        records = await read_until(log, polls_of(3))

    assert states(records)[:3] == [FeedState.OK, FeedState.NOT_MODIFIED, FeedState.NOT_MODIFIED]
    assert [one.changed for one in of(StationStatus, records)][:3] == [True, False, False]


async def test_the_second_feed_of_one_system_is_refused(
    feeds: FeedServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    feeds.answers["station_status"] = feeds.answers["copy/station_status"] = live()
    first, copy = feeds.serve_system("harbour"), feeds.serve_system("harbour", "copy/")

    async with polling(log, first, copy):
        await until(lambda: "is the same system (harbour)" in caplog.text)
        await read_until(log, polls_of(2))

    polled = {name for name, _ in feeds.requests if name.endswith("station_status")}
    assert len(polled) == 1


async def test_a_system_that_does_not_name_itself_is_named_after_its_url(
    feeds: FeedServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    url = feeds.serve_system("harbour", "brest/")
    feeds.answers["brest/system_information"] = body({"name": "Brest", "timezone": "Europe/Paris"})
    feeds.answers["brest/station_status"] = live()

    async with polling(log, url):
        records = await read_until(log, polls_of(1))

    port = feeds.base.rpartition(":")[2]
    assert {record.system_id for record in records} == {f"127-0-0-1-{port}-brest"}
    assert "named after its URL. system_information names no system_id." in caplog.text


async def test_all_systems_of_a_manifest_are_polled(feeds: FeedServer, log: Log) -> None:
    urls = {name: feeds.serve_system(name, f"{name}/") for name in ("one", "two")}
    for name in urls:
        feeds.answers[f"{name}/station_status"] = live()
    datasets = [{"system_id": name, "versions": [{"version": "2.3", "url": url}]} for name, url in urls.items()]
    feeds.answers["manifest"] = body({"datasets": datasets})

    async with polling(log, feeds.url("manifest"), urls["one"]):
        records = await read_until(
            log, lambda records: {one.system_id for one in of(StationStatus, records)} == {"one", "two"}
        )

    assert {record.system_id for record in records} == {"one", "two"}


async def test_a_system_of_version_1_without_discovery_is_polled(feeds: FeedServer, log: Log) -> None:
    feeds.serve_system("harbour", "v1/")
    del feeds.answers["v1/gbfs"]
    feeds.answers["v1/station_status"] = live()

    async with polling(log, feeds.url("v1/gbfs")):
        records = await read_until(log, polls_of(2))

    assert {record.system_id for record in records} == {"harbour"}
    assert {one.state for one in of(FeedStatus, records) if one.feed != "gbfs"} == {FeedState.OK}


def test_many_systems_do_not_begin_together() -> None:
    delays = [start_delay(1500, 60.0) for _ in range(1500)]

    assert start_delay(1, 60.0) == 0
    assert min(delays) >= 0
    assert max(delays) <= 60
    # No second has more than thrice its share of the systems.
    assert max(sum(second <= delay < second + 1 for delay in delays) for second in range(60)) < 3 * 1500 / 60
