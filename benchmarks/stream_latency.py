"""From a poll in the log to its totals in the store: ours, and beside it a default-configured job with five queries.

Both run in one JVM of the same settings otherwise, one after the other, fed with the same kind of polls.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anyio.from_thread import BlockingPortal

from benchmarks.backlog import MINUTE, START, MadeSystem
from benchmarks.figure import Figure, percentile, show
from benchmarks.five_queries import FiveQueries, deadline
from pipeline.model import Topic
from pipeline.ports import Log, Store
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.stream import Stream
from pipeline.tables import NETWORK_HISTORY, TABLES
from pipeline.wiring import open_log, open_store

STATIONS = 41
WARM_POLLS = 40
POLLS = 120
OTHER_WARM_POLLS = 1
OTHER_POLLS = 5
LONGEST_SECONDS = 120.0


class Place(NamedTuple):
    settings: Settings
    log: Log
    store: Store
    portal: BlockingPortal


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as stack:
        ours, other = [await opened(stack, Settings.read(data=folder / name)) for name in ("ours", "other")]
        spark = await asyncio.to_thread(session, ours.settings, "latency")
        try:
            stream = Stream(spark, ours.settings, ours.log, ours.store, ours.portal)
            query = await asyncio.to_thread(stream.start)
            mine = await asyncio.to_thread(_latencies, ours, WARM_POLLS, POLLS, lambda: _raise(stream.failure))
            await asyncio.to_thread(query.stop)
            job = FiveQueries(spark, other.log, other.store, other.portal, folder / "checkpoints")
            await asyncio.to_thread(job.start)
            theirs = await asyncio.to_thread(_latencies, other, OTHER_WARM_POLLS, OTHER_POLLS, job.check)
            await asyncio.to_thread(job.stop)
        finally:
            end(spark)
    return _figures(mine, theirs)


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


async def opened(stack: AsyncExitStack, settings: Settings) -> Place:
    log = await stack.enter_async_context(open_log(settings.log))
    store = await stack.enter_async_context(open_store(settings.store))
    await log.create(list(Topic))
    await store.create(TABLES)
    return Place(settings, log, store, await stack.enter_async_context(BlockingPortal()))


def _latencies(place: Place, warm: int, count: int, check: Callable[[], None]) -> list[float]:
    """Seconds from a poll's publish until its totals can be read."""
    system, chance = MadeSystem("city", STATIONS), random.Random(1)
    taken = []
    for number in range(warm + count):
        polled_at = START + number * MINUTE
        time.sleep(chance.uniform(0, 0.2))  # polls do not come in step with the query
        place.portal.call(place.log.publish, "city", system.poll(polled_at))
        taken.append(seconds_to_totals(place, polled_at, check))
    return taken[warm:]


def seconds_to_totals(place: Place, polled_at: datetime, check: Callable[[], None]) -> float:
    """How long it takes from now until the totals of the city's poll can be read."""
    return deadline(partial(_has_totals, place, polled_at), LONGEST_SECONDS, check)


def _has_totals(place: Place, polled_at: datetime) -> bool:
    async def read() -> bool:
        rows = await place.store.read(NETWORK_HISTORY, ("city", polled_at.date()), lower=polled_at, limit=1)
        return bool(rows)

    return place.portal.call(read)


def _figures(mine: list[float], theirs: list[float]) -> list[Figure]:
    p50, p95 = (1000 * percentile(mine, share) for share in (0.5, 0.95))
    other = 1000 * percentile(theirs, 0.5)
    return [
        Figure(
            "poll in the log → its totals in the store, 41 stations, warm",
            "p50 ≤ 350 ms, p95 ≤ 700 ms",
            f"p50 {p50:.0f} ms, p95 {p95:.0f} ms ({len(mine)} polls)",
            p50 <= 350 and p95 <= 700,
        ),
        Figure(
            "the same of a default-configured job with five queries",
            "≥ 20 times ours",
            f"p50 {other:,.0f} ms, p95 {1000 * percentile(theirs, 0.95):,.0f} ms: {other / p50:.0f} times ours",
            other / p50 >= 20,
        ),
    ]


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    with tempfile.TemporaryDirectory() as place:
        show(asyncio.run(measure(Path(place))))
