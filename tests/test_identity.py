from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import Response

from pipeline.fetch import Fetcher, open_fetcher
from pipeline.gbfs_model import Feed, Link
from pipeline.identity import Directory, Identity, Unknown, derived_id, identify, public_url
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


V1 = ("system_information", "station_information", "station_status", "free_bike_status")


@pytest.mark.parametrize("asked", ["gbfs", "station_status"])
async def test_a_system_without_discovery_is_found_by_the_usual_names(
    feeds: FeedServer, fetcher: Fetcher, asked: str
) -> None:
    feeds.serve_system("harbour", "v1/")
    del feeds.answers["v1/gbfs"]
    feeds.answers["v1/station_status"] = body({"stations": []}, version="1.0")

    found = await identified(fetcher, feeds.url(f"v1/{asked}"))

    assert (found.system_id, found.derived) == ("harbour", None)
    assert found.links == tuple(Link(Feed.named(name) or Feed.MANIFEST, feeds.url(f"v1/{name}")) for name in V1[:3])
    assert list(found.fetches) == [Feed.DISCOVERY, *(link.feed for link in found.links)]


async def test_a_feed_without_discovery_that_is_down_is_polled_all_the_same(
    feeds: FeedServer, fetcher: Fetcher
) -> None:
    feeds.serve_system("harbour", "v1/")
    del feeds.answers["v1/gbfs"]
    feeds.answers["v1/station_status"] = Response(status_code=503)
    feeds.answers["v1/free_bike_status"] = b"<html>"

    found = await identified(fetcher, feeds.url("v1/gbfs"))

    assert [link.feed.value for link in found.links] == list(V1[:3])


async def test_without_discovery_a_system_may_be_named_after_its_url_but_not_while_it_is_down(
    feeds: FeedServer, fetcher: Fetcher
) -> None:
    url = feeds.url("v1/gbfs")
    feeds.answers["v1/station_status"] = body({"stations": []}, version="1.0")

    assert (await identified(fetcher, url)).system_id == derived_id(url)
    feeds.answers["v1/system_information"] = Response(status_code=503)
    assert isinstance(await identify(fetcher, url, Reader(SETTINGS), None), Unknown)


async def test_a_manifest_is_a_directory_of_systems(feeds: FeedServer, fetcher: Fetcher) -> None:
    versions = [{"version": "2.3", "url": "a/2.3/gbfs.json"}, {"version": "3.0", "url": "a/3.0/gbfs.json"}]
    other = [{"version": "3.0", "url": "b/gbfs.json"}]
    datasets = [{"system_id": "a", "versions": versions}, {"system_id": "b", "versions": other}]
    feeds.answers["manifest"] = body({"datasets": datasets}, version="3.0")
    feeds.answers["gbfs_versions"] = body({"versions": versions})

    found = [await identify(fetcher, feeds.url(name), Reader(SETTINGS), None) for name in ("manifest", "gbfs_versions")]

    assert found == [
        Directory((feeds.url("a/3.0/gbfs"), feeds.url("b/gbfs"))),
        Directory((feeds.url("a/3.0/gbfs"),)),
    ]
