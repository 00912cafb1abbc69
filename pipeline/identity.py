"""Which system a feed is: the id that all its records carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from pipeline.fetch import Fetcher
from pipeline.gbfs_model import Feed, Link
from pipeline.model import FeedState, SystemInformation
from pipeline.reading import Fetch, Reader, Reading

MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Answers that mean that the feed is not there, rather than that it can't be had now."""


@dataclass(frozen=True)
class Identity:
    """``fetches`` is what was fetched to find out; ``derived`` says why the id had to be made from the URL."""

    system_id: str
    links: tuple[Link, ...]
    fetches: Mapping[Feed, Fetch]
    derived: str | None = None


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


async def identify(fetcher: Fetcher, url: str, reader: Reader, known: SystemInformation | None) -> Identity | Unknown:
    """The system behind a discovery URL; ``known`` is the one that was polled from it before.

    An id is never guessed because a server is down for a moment: then ``known`` is taken, or nothing.
    """
    fetches = {Feed.DISCOVERY: await _fetch_whole(fetcher, url)}
    discovery = _read(reader, Feed.DISCOVERY, fetches)
    if discovery.document is None:
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
