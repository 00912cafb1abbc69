from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from pipeline.fetch import LONGEST_RETRY_SECONDS, USER_AGENT, Fetcher, open_fetcher, retry_after_seconds
from pipeline.model import FeedState
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.sources import Source
from tests.feed_server import FeedServer, feed_server

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@asynccontextmanager
async def fetching(**settings: float) -> AsyncIterator[Fetcher]:
    async with open_fetcher(Settings.read(**{"timeout_seconds": 5.0, **settings})) as fetcher:
        yield fetcher


async def fetch(url: str, **settings: float) -> Fetch:
    async with fetching(**settings) as fetcher:
        return await fetcher.fetch(url)


async def test_a_body_comes_as_it_was_sent(feeds: FeedServer) -> None:
    feeds.answers["plain"] = b'{"data": {}}'

    found = await fetch(feeds.url("plain"))

    assert (found.url, found.body, found.http_status, found.failure) == (
        feeds.url("plain"),
        b'{"data": {}}',
        200,
        None,
    )
    assert 0 < (found.latency_ms or 0) < 5000


async def test_a_server_is_told_who_asks(feeds: FeedServer) -> None:
    feeds.answers["who"] = b"{}"

    await fetch(feeds.url("who"))

    _, headers = feeds.requests[-1]
    assert headers["user-agent"] == USER_AGENT


async def test_a_compressed_body_is_unpacked(feeds: FeedServer) -> None:
    feeds.answers["packed"] = Response(gzip.compress(b"{}"), headers={"content-encoding": "gzip"})

    assert (await fetch(feeds.url("packed"))).body == b"{}"


def _unless_changed(request: Request) -> Response:
    if request.headers.get("if-none-match") == '"1"' and request.headers.get("if-modified-since") == "then":
        return Response(status_code=304)
    return Response(b"{}", headers={"etag": '"1"', "last-modified": "then"})


async def test_a_document_is_asked_for_only_if_it_changed(feeds: FeedServer) -> None:
    feeds.answers["etag"] = _unless_changed

    async with fetching() as fetcher:
        first = await fetcher.fetch(feeds.url("etag"))
        second = await fetcher.fetch(feeds.url("etag"))
        fetcher.forget(feeds.url("etag"))
        third = await fetcher.fetch(feeds.url("etag"))

    assert [(found.is_not_modified, found.body, found.http_status) for found in (first, second, third)] == [
        (False, b"{}", 200),
        (True, b"", 304),
        (False, b"{}", 200),
    ]


async def test_a_redirect_is_followed(feeds: FeedServer) -> None:
    feeds.answers["old"] = RedirectResponse(feeds.url("new"))
    feeds.answers["new"] = b"{}"

    assert (await fetch(feeds.url("old"))).body == b"{}"


@pytest.mark.parametrize(("status", "asked"), [(301, 1), (308, 1), (302, 3), (307, 3)])
async def test_a_feed_that_has_moved_for_good_is_asked_for_at_its_new_place(
    feeds: FeedServer, status: int, asked: int
) -> None:
    feeds.requests.clear()
    feeds.answers["old"] = RedirectResponse(feeds.url("new"), status_code=status)
    feeds.answers["new"] = b"{}"

    async with fetching() as fetcher:
        for _ in range(2):
            await fetcher.fetch(feeds.url("old"))
        feeds.answers["new"] = Response(status_code=404)
        await fetcher.fetch(feeds.url("old"))
        # What has gone from there is looked for at the old place again.
        before = feeds.count("old")
        await fetcher.fetch(feeds.url("old"))

    assert (before, feeds.count("old")) == (asked, asked + 1)


async def test_a_host_is_asked_for_a_few_documents_at_once(feeds: FeedServer) -> None:
    under_way, most = 0, 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        yield b"{}"

    feeds.answers["counted"] = lambda request: StreamingResponse(counted())

    async with fetching(requests_per_host=2) as fetcher:
        source = Source(feeds.base, Settings())
        found = await asyncio.gather(*(fetcher.of(source).fetch(feeds.url("counted")) for _ in range(6)))

    assert [one.body for one in found] == [b"{}"] * 6
    assert most == 2


async def test_one_connection_does_for_all_polls(feeds: FeedServer) -> None:
    ports = set()

    def port(request: Request) -> Response:
        ports.add(request.client.port if request.client else None)
        return Response(b"{}")

    feeds.answers["port"] = port

    async with fetching() as fetcher:
        for _ in range(3):
            await fetcher.fetch(feeds.url("port"))

    assert len(ports) == 1


async def test_redirects_in_a_circle_are_a_failure(feeds: FeedServer) -> None:
    feeds.answers["circle"] = RedirectResponse(feeds.url("circle"))

    found = await fetch(feeds.url("circle"))

    assert found.state is FeedState.UNREACHABLE
    assert "TooManyRedirects" in (found.failure or "")


@pytest.mark.parametrize(
    ("status", "headers", "failure", "retry_after"),
    [
        (500, {}, "The server answered 500 Internal Server Error.", None),
        (404, {}, "The server answered 404 Not Found.", None),
        (429, {"retry-after": "7"}, "The server answered 429 Too Many Requests.", 7.0),
        (503, {"retry-after": "soon"}, "The server answered 503 Service Unavailable.", None),
    ],
)
async def test_another_answer_is_a_failure(
    feeds: FeedServer, status: int, headers: dict[str, str], failure: str, retry_after: float | None
) -> None:
    feeds.answers["failing"] = Response(b"sorry", status_code=status, headers=headers)

    found = await fetch(feeds.url("failing"))

    assert (found.failure, found.state, found.http_status, found.retry_after_seconds, found.body) == (
        failure,
        FeedState.UNREACHABLE,
        status,
        retry_after,
        b"",
    )


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65536
        await asyncio.sleep(0)


async def _slow() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


async def test_an_endless_body_is_refused_at_its_limit(feeds: FeedServer) -> None:
    feeds.answers["endless"] = StreamingResponse(_endless())

    found = await fetch(feeds.url("endless"), max_body_bytes=1_000_000)

    assert (found.failure, found.state, found.body) == (
        "The body is larger than 1000000 bytes (BIKEWIRE_MAX_BODY_BYTES).",
        FeedState.REFUSED,
        b"",
    )


async def test_a_body_that_drips_is_given_up_in_time(feeds: FeedServer) -> None:
    feeds.answers["dripping"] = StreamingResponse(_slow())
    started = monotonic()

    found = await fetch(feeds.url("dripping"), timeout_seconds=0.4)

    assert (found.failure, found.state) == ("No whole answer came within 0.4 s.", FeedState.UNREACHABLE)
    assert monotonic() - started < 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/gbfs.json", "http://nowhere.invalid/x", "http://[::1", "http://"])
async def test_a_server_that_is_not_there_is_a_failure(url: str) -> None:
    found = await fetch(url)

    assert found.state is FeedState.UNREACHABLE
    assert (found.failure or "").startswith("The feed can't be fetched: ")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("-5", 0.0),
        ("1e9", LONGEST_RETRY_SECONDS),
        ("nan", None),
        ("Mon, 02 Mar 2026 12:01:30 GMT", 90.0),
        ("Mon, 02 Mar 2026 13:01:30 +0100", 90.0),
        ("Mon, 02 Mar 2020 12:00:00 GMT", 0.0),
        ("later", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds
