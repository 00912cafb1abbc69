from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import Response

from pipeline.fetch import Fetcher, open_fetcher
from pipeline.gbfs_model import Feed
from pipeline.identity import Identity, Unknown, derived_id, identify, public_url
from pipeline.model import SystemInformation
from pipeline.reading import Reader
from pipeline.settings import Settings
from tests.feed_server import Answer, FeedServer, feed_server
from tests.gbfs_documents import NOON, body, links, system, without

SETTINGS = Settings(timeout_seconds=5)
KNOWN = SystemInformation(system_id="known", polled_at=NOON, name="Known", time_zone="UTC")


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher(SETTINGS) as opened:
        yield opened


async def identified(fetcher: Fetcher, url: str, known: SystemInformation | None = None) -> Identity:
    found = await identify(fetcher, url, Reader(SETTINGS), known)
    assert isinstance(found, Identity)
    return found


async def test_a_system_is_what_it_says_it_is(feeds: FeedServer, fetcher: Fetcher) -> None:
    found = await identified(fetcher, feeds.serve_system("harbour"), KNOWN)

    assert (found.system_id, found.derived) == ("harbour", None)
    assert [link.feed for link in found.links] == [
        Feed.SYSTEM_INFORMATION,
        Feed.STATION_INFORMATION,
        Feed.STATION_STATUS,
    ]
    assert list(found.fetches) == [Feed.DISCOVERY, Feed.SYSTEM_INFORMATION]


NO_ID = body(without(system(), "system_id"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NO_ID, "system_information names no system_id."),
        (b"<html>", "system_information: The body is HTML or XML, not JSON: it begins with '<html>'."),
        (Response(status_code=404), "system_information: The server answered 404 Not Found."),
        (Response(status_code=410), "system_information: The server answered 410 Gone."),
    ],
)
async def test_a_system_that_never_names_itself_is_named_after_its_url(
    feeds: FeedServer, fetcher: Fetcher, answer: Answer, reason: str
) -> None:
    url = feeds.serve_system("harbour", "brest/")
    feeds.answers["brest/system_information"] = answer

    found = await identified(fetcher, url)

    assert (found.system_id, found.derived) == (derived_id(url), reason)
    assert (await identified(fetcher, url, KNOWN)).system_id == "known"


async def test_a_discovery_without_system_information_names_the_system_after_its_url(
    feeds: FeedServer, fetcher: Fetcher
) -> None:
    feeds.answers["gbfs"] = body(links(feeds.base, ["station_status"]))

    found = await identified(fetcher, feeds.url("gbfs"))

    assert found.derived == "The discovery document lists no system_information."


@pytest.mark.parametrize(
    ("feed", "answer", "reason"),
    [
        ("gbfs", Response(status_code=500), "gbfs: The server answered 500 Internal Server Error."),
        ("gbfs", b"", "gbfs: The body is empty."),
        ("system_information", Response(status_code=503), "system_information: The server answered 503"),
    ],
)
async def test_an_id_is_never_guessed_because_a_server_is_down_for_a_moment(
    feeds: FeedServer, fetcher: Fetcher, feed: str, answer: Answer, reason: str
) -> None:
    url = feeds.serve_system("harbour")
    feeds.answers[feed] = answer

    found = await identify(fetcher, url, Reader(SETTINGS), None)

    assert isinstance(found, Unknown)
    assert found.reason.startswith(reason)
    assert (await identified(fetcher, url, KNOWN)).system_id == "known"


async def test_a_server_that_asks_for_a_pause_is_heard(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.answers["gbfs"] = Response(status_code=429, headers={"retry-after": "30"})

    found = await identify(fetcher, feeds.url("gbfs"), Reader(SETTINGS), None)

    assert found == Unknown("gbfs: The server answered 429 Too Many Requests.", 30.0)


@pytest.mark.parametrize(
    ("url", "system_id"),
    [
        ("https://example.org/gbfs/2.2/brest/en/gbfs.json", "example-org-gbfs-2-2-brest-en"),
        ("https://user:secret@Example.org:8443/gbfs.json?key=secret", "example-org-8443"),
        ("http://example.org", "example-org"),
    ],
)
def test_an_id_from_a_url_is_plain_and_holds_no_secret(url: str, system_id: str) -> None:
    assert derived_id(url) == system_id


def test_a_public_url_holds_no_secret() -> None:
    assert public_url("https://user:pass@example.org/gbfs.json?key=1#x") == "https://example.org/gbfs.json"
