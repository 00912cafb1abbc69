"""A backlog of a million station records: how many of them a second get to the store."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from pathlib import Path

from anyio.from_thread import BlockingPortal

from benchmarks.backlog import fill
from benchmarks.figure import Figure, show
from pipeline.model import Topic
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.stream import Stream
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store

RECORDS = 1_000_000
STATIONS = 500
WARM_RECORDS = 50_000


async def measure(settings: Settings) -> list[Figure]:
    async with open_log(settings.log) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(list(Topic))
        await store.create(TABLES)
        spark = await asyncio.to_thread(lambda: session(settings, "throughput", is_long=True))
        try:
            stream = Stream(spark, settings, log, store, portal)
            await fill(log, STATIONS, WARM_RECORDS)
            await asyncio.to_thread(_catch_up, stream)
            records = await fill(log, STATIONS, RECORDS)
            started = time.perf_counter()
            await asyncio.to_thread(_catch_up, stream)
            rate = records / (time.perf_counter() - started)
        finally:
            end(spark)
    measured = f"{rate:,.0f} records/s ({records:,} records of {STATIONS} stations a poll)"
    return [Figure("stream throughput on a backlog", "≥ 50,000 records/s", measured, rate >= 50_000)]


def _catch_up(stream: Stream) -> None:
    stream.start(available_now=True).awaitTermination()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    with tempfile.TemporaryDirectory() as place:
        show(asyncio.run(measure(Settings.read(data=Path(place)))))
