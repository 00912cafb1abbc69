"""Which system a feed is: the id that all its records carry."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit, urlunsplit

from pipeline.fetch import Fetcher
from pipeline.gbfs import DocumentRefused, read, read_datasets
from pipeline.gbfs_model import Feed, Link
from pipeline.model import FeedState, SystemInformation
from pipeline.reading import Fetch, Reader, Reading

MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Answers that mean that the feed is not there, rather than that it can't be had now."""

USUAL_NAMES = {
    Feed.SYSTEM_INFORMATION: "system_information.json",
    Feed.STATION_INFORMATION: "station_information.json",
    Feed.STATION_STATUS: "station_status.json",
    Feed.VEHICLE_STATUS: "free_bike_status.json",
}
"""Where the feeds are that no discovery document lists."""


@dataclass(frozen=True)
class Identity:
    """``fetches`` is what was fetched to find out; ``derived`` says why the id had to be made from the URL."""

    system_id: str
    links: tuple[Link, ...]
    fetches: Mapping[Feed, Fetch]
    derived: str | None = None


@dataclass(frozen=True)
class Directory:
    """The URL is no system's but lists some: the discovery URLs of a manifest.json or gbfs_versions.json."""

    urls: tuple[str, ...]


@dataclass(frozen=True)
class Unknown:
    """The system can't be told yet; ``reason`` is a sentence."""

    reason: str
    retry_after_seconds: float | None = None


def public_url(url: str) -> str:
    """The URL without what may be a secret: user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def derived_id(url: str) -> str:
    """An id made from the URL of a system that does not name itself."""
    parts = urlsplit(public_url(url))
    path = parts.path.lower().removesuffix(".json").removesuffix("/gbfs")
    return re.sub(r"[^a-z0-9]+", "-", f"{parts.netloc.lower()}{path}").strip("-")


async def identify(
    fetcher: Fetcher, url: str, reader: Reader, known: SystemInformation | None
) -> Identity | Directory | Unknown:
    """The system behind a discovery URL; ``known`` is the one that was polled from it before.

    An id is never guessed because a server is down for a moment: then ``known`` is taken, or nothing. Before version
    2.0 a system may have no discovery document: its feeds are then looked for at their usual names beside the URL.
    """
    fetches = {Feed.DISCOVERY: await _fetch_whole(fetcher, url)}
    discovery = _read(reader, Feed.DISCOVERY, fetches)
    if discovery.document is None:
        if (directory := _directory(fetches[Feed.DISCOVERY])) is not None:
            return directory
        if _is_absent(fetches[Feed.DISCOVERY]):
            return await _undiscovered(fetcher, url, reader, known, fetches)
        return _known(known, (), fetches, f"{Feed.DISCOVERY}: {discovery.reason}")
    links: tuple[Link, ...] = discovery.document.entities
    link = next((link for link in links if link.feed is Feed.SYSTEM_INFORMATION), None)
    if link is None:
        return _derived(known, links, fetches, url, "The discovery document lists no system_information.")
    fetches[Feed.SYSTEM_INFORMATION] = await _fetch_whole(fetcher, link.url)
    reading = _read(reader, Feed.SYSTEM_INFORMATION, fetches)
    if reading.document is not None:
        system_id = reading.document.entities[0].system_id
        if system_id is not None:
            return Identity(system_id, links, fetches)
        return _derived(known, links, fetches, url, "system_information names no system_id.")
    reason = f"{link.feed}: {reading.reason}"
    if reading.state is FeedState.REFUSED or fetches[Feed.SYSTEM_INFORMATION].http_status in MISSING:
        return _derived(known, links, fetches, url, reason)
    return _known(known, links, fetches, reason)


def _directory(fetch: Fetch) -> Directory | None:
    try:
        datasets = read_datasets(fetch.body, fetch.url).entities
    except DocumentRefused:
        return None
    return Directory(tuple(dict.fromkeys(dataset.url for dataset in datasets)))


def _is_absent(fetch: Fetch) -> bool:
    """Whether there is no discovery document: nothing is there, or one of the feeds itself."""
    if fetch.http_status in MISSING:
        return True
    return any(_is_document(feed, fetch) for feed in USUAL_NAMES)


def _is_document(feed: Feed, fetch: Fetch) -> bool:
    try:
        # Of system_information a document of any feed might do: it must name the system.
        document = read(feed, fetch.body, fetch.url)
    except DocumentRefused:
        return False
    return feed is not Feed.SYSTEM_INFORMATION or document.entities[0].system_id is not None


async def _undiscovered(
    fetcher: Fetcher, url: str, reader: Reader, known: SystemInformation | None, fetches: dict[Feed, Fetch]
) -> Identity | Unknown:
    usual = {feed: urljoin(url, name) for feed, name in USUAL_NAMES.items()}
    fetched = await asyncio.gather(*(_fetch_whole(fetcher, place) for place in usual.values()))
    answers = dict(zip(usual, fetched, strict=True))
    found = {feed: fetch for feed, fetch in answers.items() if _is_document(feed, fetch)}
    # What is down for a moment may well be there.
    may_be = [feed for feed, fetch in answers.items() if fetch.failure and fetch.http_status not in MISSING]
    links = tuple(Link(feed, usual[feed]) for feed in answers if feed in found or feed in may_be)
    information = answers[Feed.SYSTEM_INFORMATION]
    reason = f"{Feed.DISCOVERY}: {_read(reader, Feed.DISCOVERY, fetches).reason}"
    fetches.update(found)
    if not found:
        return _known(known, (), fetches, reason)
    if Feed.SYSTEM_INFORMATION in found:
        said = read(Feed.SYSTEM_INFORMATION, information.body).entities[0].system_id
        return Identity(str(said), links, fetches)
    if information.http_status in MISSING:
        return _derived(known, links, fetches, url, "There is neither a discovery document nor system_information.")
    return _known(known, links, fetches, f"{Feed.SYSTEM_INFORMATION}: {information.failure}")


async def _fetch_whole(fetcher: Fetcher, url: str) -> Fetch:
    # Whoever reads these documents has none before: "not modified" would say nothing.
    fetcher.forget(url)
    return await fetcher.fetch(url)


def _read(reader: Reader, feed: Feed, fetches: Mapping[Feed, Fetch]) -> Reading:
    return reader.read(feed, fetches[feed], datetime.now(UTC), timedelta(0))


def _known(
    known: SystemInformation | None, links: tuple[Link, ...], fetches: Mapping[Feed, Fetch], reason: str
) -> Identity | Unknown:
    if known is not None:
        return Identity(known.system_id, links, fetches)
    return Unknown(reason, max((fetch.retry_after_seconds or 0 for fetch in fetches.values()), default=None))


def _derived(
    known: SystemInformation | None, links: tuple[Link, ...], fetches: Mapping[Feed, Fetch], url: str, reason: str
) -> Identity:
    if known is not None:
        return Identity(known.system_id, links, fetches)
    return Identity(derived_id(url), links, fetches, reason)
