"""One HTTP fetch of a feed: bounded in time and size, conditional where the server allows it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from time import perf_counter
from urllib.parse import urlsplit

import httpx

from pipeline.credentials import EXTENSION, Scoped, prove
from pipeline.model import FeedState
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.sources import Source

USER_AGENT = f"Bikewire/{version('bikewire')}"
MOST_REDIRECTS = 5

LONGEST_RETRY_SECONDS = 3600.0
"""A server that asks for a longer pause (by mistake, or for good) is asked again after this."""

MOVED_FOR_GOOD = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT)

CONNECTIONS = 500
"""Open at once; many systems allow a process 1,024 files."""
KEPT_CONNECTIONS = 200
"""Idle connections that are kept for the next poll; the least used are closed."""

Validators = dict[str, str]


@asynccontextmanager
async def open_fetcher(settings: Settings) -> AsyncIterator[Fetcher]:
    """A fetcher with the HTTP client of all systems, which is closed at the end."""
    # They log requests with their whole URLs, and headers, keys included.
    for name in ("httpx", "httpcore", "hpack"):
        logging.getLogger(name).setLevel(logging.WARNING)
    async with httpx.AsyncClient(
        http2=True,
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        # The whole fetch has its own limit of time; waiting for a place is no fault of the server.
        timeout=httpx.Timeout(settings.timeout_seconds, pool=None),
        # Kept until the next poll, or a connection would be made for each.
        limits=httpx.Limits(
            max_connections=CONNECTIONS,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=2 * settings.min_poll_seconds,
        ),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    ) as client:
        client.event_hooks["request"].append(partial(prove, client))
        yield Fetcher(client, settings)


class Places:
    """How many fetches are under way at each host: a host of many systems is not asked by all of them at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hosts: dict[str, asyncio.Semaphore] = {}

    def at(self, url: str) -> asyncio.Semaphore:
        try:
            host = urlsplit(url).netloc.rpartition("@")[2].lower()
        except ValueError:
            host = ""
        return self._hosts.setdefault(host, asyncio.Semaphore(self._most))


class Fetcher:
    """Fetches one system's feeds; remembers of each URL the validators (ETag, Last-Modified) of its last whole
    answer, and where it has moved for good."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        scoped: Scoped | None = None,
        places: Places | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._scoped = scoped
        self._places = places or Places(settings.requests_per_host)
        self._validators: dict[str, Validators] = {}
        self._moved: dict[str, str] = {}

    def of(self, source: Source) -> Fetcher:
        """A fetcher for that system, with the same client and the same places at hosts."""
        return type(self)(self._client, source.settings, source.scoped, self._places)

    def forget(self, url: str) -> None:
        """Ask for the whole document next time."""
        self._validators.pop(url, None)

    async def fetch(self, url: str) -> Fetch:
        """What came of fetching the URL, within BIKEWIRE_TIMEOUT_SECONDS; never raises for a bad answer."""
        async with self._places.at(url):
            fetch = await self._fetch_in_time(url)
        if fetch.failure is not None:
            self._moved.pop(url, None)
        return fetch if self._scoped is None else _hidden(fetch, self._scoped)

    async def _fetch_in_time(self, url: str) -> Fetch:
        started = perf_counter()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._fetch(url, started)
        except (TimeoutError, httpx.TimeoutException):
            return Fetch(url=url, failure=f"No whole answer came within {self._settings.timeout_seconds:g} s.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Fetch(url=url, failure=_sentence(error))

    async def _fetch(self, url: str, started: float) -> Fetch:
        async with self._answer(url) as response:
            if response.status_code == HTTPStatus.UNAUTHORIZED and self._scoped is not None:
                # A token may have ended before its time: once more with a new one.
                self._scoped.credentials.renew()
                await response.aclose()
                async with self._answer(url) as second:
                    return await self._read(url, second, started)
            return await self._read(url, response, started)

    def _answer(self, url: str) -> AbstractAsyncContextManager[httpx.Response]:
        return self._client.stream(
            "GET",
            self._moved.get(url, url),
            headers=self._validators.get(url),
            extensions={EXTENSION: self._scoped},
        )

    async def _read(self, url: str, response: httpx.Response, started: float) -> Fetch:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return Fetch(url=url, is_not_modified=True, http_status=response.status_code, latency_ms=_since(started))
        if response.status_code != HTTPStatus.OK:
            return _failure(url, response, started)
        body = await self._body(response)
        if body is None:
            return self._too_large(url, started)
        self._remember(url, response)
        return Fetch(url=url, body=body, http_status=response.status_code, latency_ms=_since(started))

    async def _body(self, response: httpx.Response) -> bytes | None:
        """The body, uncompressed; None when it is larger than BIKEWIRE_MAX_BODY_BYTES."""
        # Joined once: a buffer that grows is copied again and again, and the other systems wait for that.
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._settings.max_body_bytes:
                return None
        return b"".join(chunks)

    def _too_large(self, url: str, started: float) -> Fetch:
        return Fetch(
            url=url,
            failure=f"The body is larger than {self._settings.max_body_bytes} bytes (BIKEWIRE_MAX_BODY_BYTES).",
            state=FeedState.REFUSED,
            http_status=HTTPStatus.OK.value,
            latency_ms=_since(started),
        )

    def _remember(self, url: str, response: httpx.Response) -> None:
        sent = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
        self._validators[url] = {ask: response.headers[name] for ask, name in sent.items() if name in response.headers}
        if response.history and all(one.status_code in MOVED_FOR_GOOD for one in response.history):
            self._moved[url] = str(response.url)


def _hidden(fetch: Fetch, scoped: Scoped) -> Fetch:
    """The fetch without the secrets it was made with, which an answer may repeat."""
    failure = None if fetch.failure is None else scoped.hidden(fetch.failure)
    return replace(fetch, failure=failure, body=scoped.hidden_bytes(fetch.body))


def _failure(url: str, response: httpx.Response, started: float) -> Fetch:
    return Fetch(
        url=url,
        failure=f"The server answered {response.status_code} {response.reason_phrase}".strip() + ".",
        http_status=response.status_code,
        latency_ms=_since(started),
        retry_after_seconds=retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC)),
    )


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The pause that a Retry-After header asks for, as seconds or a date; None when it asks for none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_SECONDS)


def _seconds_until(date: str, now: datetime) -> float:
    try:
        instant = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (instant.replace(tzinfo=instant.tzinfo or UTC) - now).total_seconds()


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)


def _sentence(error: Exception) -> str:
    detail = str(error).rstrip(".")
    return f"The feed can't be fetched: {type(error).__name__}{f' ({detail})' if detail else ''}."
