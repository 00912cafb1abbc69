"""Systems that ask who comes: each kind of proof, where it goes, and that nobody reads it."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from pipeline.credentials import HIDDEN, ClientCredentials, Credentials, FixedHeaders, Scoped
from pipeline.fetch import Fetcher, open_fetcher
from pipeline.model import FeedStatus, StationStatus, Topic
from pipeline.poller import poll_forever
from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.wiring import open_log
from tests.feed_server import FeedServer, feed_server
from tests.gbfs_documents import body, status, statuses
from tests.log_reading import of, read_until

SETTINGS = Settings(timeout_seconds=5)
KEY = "k3y-0f-harbour"


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[FeedServer]:
    with feed_server() as server:
        # The same machine under another name is another host.
        server.base = server.base.replace("127.0.0.1", "localhost")
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher(SETTINGS) as opened:
        yield opened


def proving(fetcher: Fetcher, url: str, credentials: Credentials, *hosts: str) -> Fetcher:
    return fetcher.of(Source(url, SETTINGS, Scoped.of(credentials, url, hosts)))


async def test_headers_are_sent(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.answers["gbfs"] = b"{}"

    found = await proving(fetcher, feeds.base, FixedHeaders({"X-Api-Key": KEY})).fetch(feeds.url("gbfs"))

    assert (found.body, feeds.requests[0][1]["x-api-key"]) == (b"{}", KEY)


async def test_other_systems_do_not_get_them(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.answers["gbfs"] = b"{}"
    proving(fetcher, feeds.base, FixedHeaders({"X-Api-Key": KEY}))

    await fetcher.of(Source(feeds.base, SETTINGS)).fetch(feeds.url("gbfs"))

    assert "x-api-key" not in feeds.requests[0][1]


@pytest.mark.parametrize("names_the_host", [False, True])
async def test_another_host_gets_them_only_if_it_is_named(
    feeds: FeedServer, elsewhere: FeedServer, fetcher: Fetcher, names_the_host: bool
) -> None:
    feeds.answers["gbfs"] = RedirectResponse(elsewhere.url("gbfs"))
    elsewhere.answers["gbfs"] = b"{}"
    proven = proving(fetcher, feeds.base, FixedHeaders({"X-Api-Key": KEY}), *(["localhost"] if names_the_host else []))

    redirected = await proven.fetch(feeds.url("gbfs"))
    linked = await proven.fetch(elsewhere.url("gbfs"))

    assert (redirected.body, linked.body) == (b"{}", b"{}")
    assert feeds.requests[0][1]["x-api-key"] == KEY
    assert ["x-api-key" in headers for _, headers in elsewhere.requests] == [names_the_host] * 2


async def test_what_a_server_repeats_is_hidden(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.answers["gbfs"] = f"<html>{KEY} is no key".encode()

    found = await proving(fetcher, feeds.base, FixedHeaders({"Authorization": f"Bearer {KEY}"})).fetch(
        feeds.url("gbfs")
    )

    assert found.body == f"<html>{HIDDEN} is no key".encode()


class TokenServer:
    """Gives tokens for one client; only the newest is good."""

    def __init__(self, feeds: FeedServer, expires_in: object = 3600) -> None:
        self.given = 0
        self._expires_in = expires_in
        feeds.answers["token"] = self.give
        feeds.answers["gbfs"] = self.ask

    def give(self, request: Request) -> Response:
        expected = base64.b64encode(b"harbour:s3cret").decode()
        if request.headers["authorization"] != f"Basic {expected}":
            return Response(status_code=401)
        self.given += 1
        return JSONResponse({"access_token": f"t0ken-{self.given}", "expires_in": self._expires_in})

    def ask(self, request: Request) -> Response:
        is_good = request.headers.get("authorization") == f"Bearer t0ken-{self.given}"
        return Response(b"{}") if is_good else Response(status_code=401)


def client(feeds: FeedServer, secret: str = "s3cret") -> ClientCredentials:
    return ClientCredentials(feeds.url("token"), "harbour", secret, "gbfs")


async def test_a_token_is_asked_for_once(feeds: FeedServer, fetcher: Fetcher) -> None:
    server = TokenServer(feeds)
    proven = proving(fetcher, feeds.base, client(feeds))

    found = [(await proven.fetch(feeds.url("gbfs"))).body for _ in range(3)]

    assert (found, server.given) == ([b"{}"] * 3, 1)


@pytest.mark.parametrize("expires_in", [0, "0"])
async def test_a_token_that_ends_is_renewed(feeds: FeedServer, fetcher: Fetcher, expires_in: object) -> None:
    server = TokenServer(feeds, expires_in)
    proven = proving(fetcher, feeds.base, client(feeds))

    found = [(await proven.fetch(feeds.url("gbfs"))).body for _ in range(2)]

    assert (found, server.given) == ([b"{}"] * 2, 2)


async def test_a_token_that_is_withdrawn_is_renewed_at_once(feeds: FeedServer, fetcher: Fetcher) -> None:
    server = TokenServer(feeds)
    proven = proving(fetcher, feeds.base, client(feeds))
    await proven.fetch(feeds.url("gbfs"))
    server.given += 1

    found = await proven.fetch(feeds.url("gbfs"))

    assert (found.body, server.given) == (b"{}", 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response(status_code=500), "the token's server answered 500"),
        (Response(b"s3cret t0ken"), "the token's server sent no access_token"),
        (JSONResponse({"access_token": "x", "expires_in": "soon"}), "the token's server sent no access_token"),
    ],
)
async def test_no_token_is_a_failure_in_one_sentence(
    feeds: FeedServer, fetcher: Fetcher, answer: Response, reason: str
) -> None:
    feeds.answers["token"] = answer
    feeds.answers["gbfs"] = b"{}"

    found = await proving(fetcher, feeds.base, client(feeds)).fetch(feeds.url("gbfs"))

    assert found.failure == f"The feed can't be fetched: CredentialsRefused ({reason})."
    assert feeds.count("gbfs") == 0


async def test_a_wrong_secret_is_told_without_it(feeds: FeedServer, fetcher: Fetcher) -> None:
    TokenServer(feeds)

    found = await proving(fetcher, feeds.base, client(feeds, "wr0ng")).fetch(feeds.url("gbfs"))

    assert "the token's server answered 401" in (found.failure or "")
    assert "wr0ng" not in repr(found)


def test_credentials_show_no_secret() -> None:
    shown = repr(Scoped.of(ClientCredentials("https://example.org", "harbour", "s3cret"), "https://example.org"))

    assert "s3cret" not in shown + repr(FixedHeaders({"X-Api-Key": KEY}))
    assert KEY not in shown + repr(FixedHeaders({"X-Api-Key": KEY}))


async def test_a_system_is_polled_with_its_secret_and_no_line_or_record_has_it(
    feeds: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HARBOUR_KEY", KEY)
    url = feeds.serve_system("harbour", "", "free_bike_status")
    feeds.answers["station_status"] = lambda request: Response(
        body(statuses(status(f"st_{request.headers['x-api-key']}")), datetime.now(UTC))
    )
    feeds.answers["free_bike_status"] = lambda request: Response(f"<p>{request.headers['x-api-key']}".encode())
    file = tmp_path / "systems.toml"
    file.write_text(
        f'[[system]]\nurl = "{url}?key={KEY}"\n[system.auth]\ntype = "headers"\nheaders = {{X-Api-Key = "HARBOUR_KEY"}}'
    )
    settings = Settings.read(systems=str(file), data=tmp_path)
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        polling = asyncio.create_task(poll_forever(settings, log))
        records = await read_until(
            log, lambda records: any(one.feed == "vehicle_status" for one in of(FeedStatus, records))
        )
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling

    assert [one.station_id for one in of(StationStatus, records)] == [f"st_{HIDDEN}"]
    assert [one.reason for one in of(FeedStatus, records) if one.feed == "vehicle_status"] == [
        f"The body is HTML or XML, not JSON: it begins with '<p>{HIDDEN}'."
    ]
    told = [record.getMessage() for record in caplog.records]
    assert told
    assert not [line for line in [*told, *map(repr, records)] if KEY in line]
