"""What goes wrong while polling: the fault is told, costs the others nothing, and is over when it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response, StreamingResponse

from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.fetch import Fetcher
from pipeline.instruments import PollInstruments
from pipeline.last_polls import LastPolls
from pipeline.model import FeedState, FeedStatus, StationStatus, SystemInformation, Topic
from pipeline.poller import Pollers, SystemPoller
from pipeline.ports import Log, LogRecord
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.wiring import open_log
from tests.feed_server import FeedServer, feed_server
from tests.gbfs_documents import body, links, status
from tests.log_reading import of, read_until
from tests.polling import POLL_SECONDS, live, now_document, opened, polling, polls_of, seen, states, until


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with opened(log_url) as found:
        yield found


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
