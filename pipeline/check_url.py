"""Fetch the documents of a system for `bikewire check`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from pipeline.check import NothingToCheck, Report, check_fetches, feed_of
from pipeline.fetch import Fetcher, open_fetcher
from pipeline.gbfs_model import Feed, Link
from pipeline.identity import public_url
from pipeline.reading import Fetch, Reader
from pipeline.settings import Settings


async def check_url(url: str, settings: Settings) -> Report:
    """Check the document at a URL and, if that is a discovery document, every feed that it lists.

    Raises NothingToCheck when the URL answers nothing.
    """
    async with open_fetcher(settings) as fetcher:
        first = await fetcher.fetch(url)
        if first.failure is not None:
            msg = f"{public_url(url)}: {first.failure}"
            raise NothingToCheck(msg)
        feed = feed_of(first.body, public_url(url).rsplit("/", 1)[-1]) or Feed.DISCOVERY
        fetches = {feed: first}
        if feed is Feed.DISCOVERY:
            fetches |= await _listed(fetcher, first, settings)
        return check_fetches(public_url(url), fetches, settings, datetime.now(UTC))


async def _listed(fetcher: Fetcher, discovery: Fetch, settings: Settings) -> dict[Feed, Fetch]:
    reading = Reader(settings).read(Feed.DISCOVERY, discovery, datetime.now(UTC), timedelta(0))
    links: tuple[Link, ...] = reading.document.entities if reading.document is not None else ()
    answers = await asyncio.gather(*(fetcher.fetch(link.url) for link in links))
    return {link.feed: answer for link, answer in zip(links, answers, strict=True)}
