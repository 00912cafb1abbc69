"""Polling meanwhile: the poller, documents of this moment for it, and what to wait for in its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from pipeline.model import FeedState, FeedStatus, Record, StationStatus, Topic
from pipeline.poller import poll_forever
from pipeline.ports import Log
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.gbfs_documents import body, status, statuses
from tests.log_reading import WAIT_SECONDS, of

POLL_SECONDS = 0.2
STEP = 0.01


@asynccontextmanager
async def polling(log: Log, *urls: str, **settings: float) -> AsyncIterator[None]:
    """A poller that runs meanwhile; what it raises is raised here."""
    given = {"min_poll_seconds": POLL_SECONDS, "timeout_seconds": 5.0, **settings}
    task = asyncio.create_task(poll_forever(Settings.read(feeds=urls, **given), log))
    try:
        yield
        if task.done():
            await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110  # the condition is about another thread's or module's state
            await asyncio.sleep(STEP)


def now_document(*stations: object, age_seconds: float = 0) -> bytes:
    return body(statuses(*stations), datetime.now(UTC) - timedelta(seconds=age_seconds), ttl=0)


def live(bikes: int = 3) -> Callable[[Request], Response]:
    """A station_status that is always of this moment."""
    return lambda request: Response(now_document(status("st_1", bikes), status("st_2")))


def states(records: list[Record], feed: str = "station_status") -> list[FeedState]:
    return [record.state for record in of(FeedStatus, records) if record.feed == feed]


def seen(feed: str, *wanted: FeedState) -> Callable[[list[Record]], bool]:
    """Whether the feed went through these states, in this order."""

    def is_enough(records: list[Record]) -> bool:
        rest = iter(states(records, feed))
        return all(any(state is one for state in rest) for one in wanted)

    return is_enough


def polls_of(count: int) -> Callable[[list[Record]], bool]:
    return lambda records: len({record.polled_at for record in of(StationStatus, records)}) >= count


@asynccontextmanager
async def opened(log_url: str) -> AsyncIterator[Log]:
    """The log, with every topic."""
    async with open_log(log_url) as log:
        await log.create(list(Topic))
        yield log
