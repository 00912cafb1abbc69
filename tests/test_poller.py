from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.fetch import Fetcher
from pipeline.instruments import PollInstruments
from pipeline.last_polls import LastPolls
from pipeline.model import (
    FeedState,
    FeedStatus,
    Record,
    StationInformation,
    StationStatus,
    SystemInformation,
    Topic,
    VehicleStatus,
)
from pipeline.poller import Pollers, SystemPoller, poll_forever, start_delay
from pipeline.ports import Log, LogRecord
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.wiring import open_log
from tests.feed_server import FeedServer, feed_server
from tests.gbfs_documents import body, links, status, statuses, vehicle
from tests.log_reading import WAIT_SECONDS, of, read_until

POLL_SECONDS = 0.2
STEP = 0.01


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with open_log(log_url) as opened:
        await opened.create(list(Topic))
        yield opened


@asynccontextmanager
async def polling(log: Log, *urls: str, **settings: float) -> AsyncIterator[None]:
    """A poller that runs meanwhile; what it raises is raised here."""
    given = {"min_poll_seconds": POLL_SECONDS, "timeout_seconds": 5.0, **settings}
    task = asyncio.create_task(poll_forever(Settings.read(feeds=urls, **given), log))
    try:
        yield
        if task.done():
            await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110  # the condition is about another thread's or module's state
            await asyncio.sleep(STEP)


def now_document(*stations: object, age_seconds: float = 0) -> bytes:
    return body(statuses(*stations), datetime.now(UTC) - timedelta(seconds=age_seconds), ttl=0)


def live(bikes: int = 3) -> Callable[[Request], Response]:
    """A station_status that is always of this moment."""
    return lambda request: Response(now_document(status("st_1", bikes), status("st_2")))


def states(records: list[Record], feed: str = "station_status") -> list[FeedState]:
    return [record.state for record in of(FeedStatus, records) if record.feed == feed]


def seen(feed: str, *wanted: FeedState) -> Callable[[list[Record]], bool]:
    """Whether the feed went through these states, in this order."""

    def is_enough(records: list[Record]) -> bool:
        rest = iter(states(records, feed))
        return all(any(state is one for state in rest) for one in wanted)

    return is_enough


def polls_of(count: int) -> Callable[[list[Record]], bool]:
    return lambda records: len({record.polled_at for record in of(StationStatus, records)}) >= count


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


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (b"<html>Sorry</html>", FeedState.REFUSED, "HTML"),
        (b"", FeedState.REFUSED, "empty"),
        (now_document(status("st_1"))[:50], FeedState.REFUSED, "breaks off"),
        (Response(status_code=500), FeedState.UNREACHABLE, "500"),
        (Response(status_code=404), FeedState.UNREACHABLE, "404"),
    ],
    ids=["a page", "nothing", "half of it", "500", "404"],
)
async def test_a_bad_answer_observes_nothing_and_is_over_when_it_is_over(
    feeds: FeedServer, log: Log, answer: bytes | Response, state: FeedState, reason: str
) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live()

    async with polling(log, url):
        await read_until(log, polls_of(1))
        feeds.answers["station_status"] = answer
        await read_until(log, seen("station_status", state))
        feeds.answers["station_status"] = live()
        records = await read_until(log, seen("station_status", state, FeedState.OK))

    bad = [one for one in of(FeedStatus, records) if one.state is state]
    assert not {one.polled_at for one in bad} & {one.polled_at for one in of(StationStatus, records)}
    assert all(not one.is_observing and reason in (one.reason or "") for one in bad)


async def test_an_endless_body_is_refused(feeds: FeedServer, log: Log) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536
            await asyncio.sleep(0)

    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = lambda request: StreamingResponse(endless())

    async with polling(log, url, max_body_bytes=1_000_000):
        records = await read_until(log, seen("station_status", FeedState.REFUSED))

    assert of(StationStatus, records) == []


async def test_a_frozen_document_goes_stale(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = now_document(status("st_1"))

    async with polling(log, url, stale_seconds=1.5):
        records = await read_until(log, seen("station_status", FeedState.OK, FeedState.STALE, FeedState.STALE))

    stale = [one.polled_at for one in of(FeedStatus, records) if one.state is FeedState.STALE]
    assert max(one.polled_at for one in of(StationStatus, records)) < min(stale)


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


async def test_a_refused_document_is_asked_for_whole_again(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    broken = Response(b"<html>", headers={"etag": '"1"'})
    feeds.answers["station_status"] = lambda request: (
        Response(status_code=304) if "if-none-match" in request.headers else broken
    )

    async with polling(log, url):
        records = await read_until(log, seen("station_status", FeedState.REFUSED, FeedState.REFUSED))

    assert FeedState.NOT_MODIFIED not in states(records)


async def test_a_server_that_asks_for_a_pause_gets_it(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = Response(status_code=429, headers={"retry-after": "3600"})
    feeds.answers["other/station_status"] = live()

    async with polling(log, url, feeds.serve_system("other", "other/")):
        records = await read_until(log, polls_of(8))

    assert feeds.count("station_status") == 1
    assert [one.reason for one in of(FeedStatus, records) if one.system_id == "harbour" and one.reason] == [
        "The server answered 429 Too Many Requests."
    ]


async def test_one_bad_system_costs_the_others_nothing(feeds: FeedServer, log: Log) -> None:
    good = feeds.serve_system("good", "good/")
    feeds.answers["good/station_status"] = live()
    feeds.answers["html/gbfs"] = b"<html>"

    async with polling(
        log, "http://127.0.0.1:1/gbfs.json", feeds.url("html/gbfs"), "http://nowhere.invalid/gbfs.json", good
    ):
        records = await read_until(log, polls_of(3))

    assert {record.system_id for record in records} == {"good"}


async def test_a_system_that_appears_later_is_polled_then(
    feeds: FeedServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    feeds.answers["gbfs"] = Response(status_code=503)

    async with polling(log, feeds.url("gbfs")):
        await until(lambda: feeds.count("gbfs") >= 3)
        feeds.serve_system("harbour")
        feeds.answers["station_status"] = live()
        await read_until(log, polls_of(1))

    assert caplog.text.count("not known yet. gbfs: The server answered 503 Service Unavailable.") == 1


async def test_a_known_system_is_reported_on_while_nothing_of_it_can_be_had(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live()
    async with polling(log, url):
        await read_until(log, polls_of(1))
    feeds.answers.clear()

    async with polling(log, url):
        records = await read_until(log, seen("gbfs", FeedState.OK, FeedState.UNREACHABLE, FeedState.UNREACHABLE))

    assert {record.system_id for record in records} == {"harbour"}
    assert of(SystemInformation, records)[-1].name == "Harbour Bikes"


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


async def test_a_feed_that_moves_is_found_again(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live(3)

    async with polling(log, url, min_poll_seconds=0.05):
        await read_until(log, polls_of(1))
        feeds.answers["station_status"] = Response(status_code=410)
        feeds.answers["new/station_status"] = live(7)
        feeds.answers["gbfs"] = body(links(f"{feeds.base}/new", ["station_status"]))
        records = await read_until(log, lambda records: any(one.bikes == 7 for one in of(StationStatus, records)))

    assert FeedState.UNREACHABLE in states(records)


async def test_a_malformed_station_costs_only_itself(feeds: FeedServer, log: Log) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = lambda request: Response(now_document(status("st_1"), {"station_id": []}))

    async with polling(log, url):
        records = await read_until(log, polls_of(1))

    assert {one.station_id for one in of(StationStatus, records)} == {"st_1"}
    feed = next(one for one in of(FeedStatus, records) if one.feed == "station_status")
    assert (feed.state, feed.entities) == (FeedState.OK, 1)
    assert set(json.loads(feed.deviations_by_rule or "")) == {"type", "id_present", "id_reported", "ttl"}


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


class FaultyLog(SqliteLog):
    """A log with a fault of its own in the first publish."""

    is_faulty = True

    async def publish(self, partition_key: str, records: Sequence[LogRecord]) -> None:
        if self.is_faulty:
            self.is_faulty = False
            msg = "a fault"
            raise RuntimeError(msg)
        await super().publish(partition_key, records)


async def test_a_fault_of_ours_costs_one_poll(
    feeds: FeedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live()

    async with FaultyLog(str(tmp_path / "log.sqlite")) as log:
        await log.create(list(Topic))
        async with polling(log, url):
            await read_until(log, polls_of(2))

    assert caplog.text.count("harbour: the poll failed") == 1


class FaultyFetcher(Fetcher):
    """A fetcher with a fault of its own in the first fetch."""

    is_faulty = True

    async def fetch(self, url: str) -> Fetch:
        if self.is_faulty:
            self.is_faulty = False
            msg = "a fault"
            raise RuntimeError(msg)
        return await super().fetch(url)


async def test_a_fault_of_ours_before_the_first_poll_is_got_over(
    feeds: FeedServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live()
    settings = Settings(min_poll_seconds=POLL_SECONDS)

    async with httpx.AsyncClient() as client:
        poller = SystemPoller(
            Source(url, settings), Pollers(log, FaultyFetcher(client, settings), LastPolls(), PollInstruments())
        )
        task = asyncio.create_task(poller.run())
        await read_until(log, polls_of(1))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert caplog.text.count("polling failed; it begins again") == 1


def fill(ballast: Path) -> None:
    """Take all the room that is left on the file's disk."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


async def test_a_full_disk_loses_whole_polls_is_named_once_and_is_over_when_there_is_room(
    feeds: FeedServer, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers["station_status"] = live(3)
    ballast = small_disk / "ballast"

    async with open_log(f"sqlite:///{small_disk / 'log.sqlite'}") as log:
        await log.create(list(Topic))
        async with polling(log, url):
            await read_until(log, polls_of(1))
            fill(ballast)
            feeds.answers["station_status"] = live(4)
            await until(lambda: "the poll is lost" in caplog.text)
            asked = feeds.count("station_status")
            await until(lambda: feeds.count("station_status") >= asked + 3)
            ballast.unlink()
            await until(lambda: "polls are kept again" in caplog.text)
            records = await read_until(log, lambda records: any(one.bikes == 4 for one in of(StationStatus, records)))

    assert caplog.text.count("the poll is lost") == 1
    instants = {one.polled_at for one in of(FeedStatus, records) if one.feed == "station_status"}
    for instant in instants:
        assert sum(one.polled_at == instant for one in of(StationStatus, records)) == 2
    # What was lost does not count as seen: the change is told with the first poll that is kept.
    assert next(one for one in of(StationStatus, records) if one.bikes == 4).changed
