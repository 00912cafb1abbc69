"""One HTTP fetch of a feed: bounded in time and size, conditional where the server allows it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from time import perf_counter

import httpx

from pipeline.model import FeedState
from pipeline.reading import Fetch
from pipeline.settings import Settings

USER_AGENT = f"Bikewire/{version('bikewire')}"
MOST_REDIRECTS = 5

LONGEST_RETRY_SECONDS = 3600.0
"""A server that asks for a longer pause (by mistake, or for good) is asked again after this."""

Validators = dict[str, str]


@asynccontextmanager
async def open_fetcher(settings: Settings) -> AsyncIterator[Fetcher]:
    """A fetcher with its HTTP client, which is closed at the end."""
    # At INFO httpx logs every request with its whole URL, keys included.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    async with httpx.AsyncClient(
        http2=True,
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        timeout=settings.timeout_seconds,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    ) as client:
        yield Fetcher(client, settings)


class Fetcher:
    """Fetches feeds; remembers the validators (ETag, Last-Modified) of each URL's last whole answer."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._validators: dict[str, Validators] = {}

    def forget(self, url: str) -> None:
        """Ask for the whole document next time."""
        self._validators.pop(url, None)

    async def fetch(self, url: str) -> Fetch:
        """What came of fetching the URL, within BIKEWIRE_TIMEOUT_SECONDS; never raises for a bad answer."""
        started = perf_counter()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                fetch = await self._fetch(url, started)
        except (TimeoutError, httpx.TimeoutException):
            fetch = Fetch(url=url, failure=f"No whole answer came within {self._settings.timeout_seconds:g} s.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            fetch = Fetch(url=url, failure=_sentence(error))
        return fetch

    async def _fetch(self, url: str, started: float) -> Fetch:
        async with self._client.stream("GET", url, headers=self._validators.get(url)) as response:
            if response.status_code == HTTPStatus.NOT_MODIFIED:
                return Fetch(
                    url=url, is_not_modified=True, http_status=response.status_code, latency_ms=_since(started)
                )
            if response.status_code != HTTPStatus.OK:
                return _failure(url, response, started)
            body = await self._body(response)
            if body is None:
                return self._too_large(url, started)
            self._remember(url, response)
            return Fetch(url=url, body=body, http_status=response.status_code, latency_ms=_since(started))

    async def _body(self, response: httpx.Response) -> bytes | None:
        """The body, uncompressed; None when it is larger than BIKEWIRE_MAX_BODY_BYTES."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._settings.max_body_bytes:
                return None
        return bytes(body)

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
