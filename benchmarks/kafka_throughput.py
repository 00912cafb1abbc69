"""A backlog of a million station records in Kafka: how many of them a second get to the store, beside SQLite's log.

Both streams run in one JVM, on one local[2] session, one after the other, and twice.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from anyio.from_thread import BlockingPortal

from benchmarks.backlog import fill
from benchmarks.figure import Figure, show
from pipeline.jars import JarsError
from pipeline.model import Topic
from pipeline.ports import Log
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.stream import Stream
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store
from tests.servers.kafka import KafkaServer

RECORDS = 1_000_000
STATIONS = 500
WARM_RECORDS = 50_000
ROUNDS = 2
MUST = 100_000


async def measure(settings: dict[str, Settings]) -> Figure:
    # The jars for Kafka go with a session that is to read it.
    spark = await asyncio.to_thread(lambda: session(settings["Kafka"], "throughput", is_long=True))
    try:
        async with AsyncExitStack() as stack:
            logs: dict[str, tuple[Log, Stream]] = {}
            for engine, chosen in settings.items():
                log = await stack.enter_async_context(open_log(chosen.log))
                store = await stack.enter_async_context(open_store(chosen.store))
                portal = await stack.enter_async_context(BlockingPortal())
                await log.create(list(Topic))
                await store.create(TABLES)
                logs[engine] = log, Stream(spark, chosen, log, store, portal)
            await _rates(logs, WARM_RECORDS)
            return _figure([await _rates(logs, RECORDS) for _ in range(ROUNDS)])
    finally:
        end(spark)


async def _rates(logs: dict[str, tuple[Log, Stream]], records: int) -> dict[str, float]:
    """Of each engine the station records a second."""
    rates = {}
    for engine, (log, stream) in logs.items():
        published = await fill(log, STATIONS, records)
        started = time.perf_counter()
        await asyncio.to_thread(_catch_up, stream)
        rates[engine] = published / (time.perf_counter() - started)
    return rates


def _catch_up(stream: Stream) -> None:
    stream.start(available_now=True).awaitTermination()
    stream.finish()


def _figure(rounds: list[dict[str, float]]) -> Figure:
    told = "; ".join(f"{engine} {' and '.join(f'{rates[engine]:,.0f}' for rates in rounds)}" for engine in rounds[0])
    best = max(rates["Kafka"] for rates in rounds)
    what = f"stream throughput on a backlog of {RECORDS:,} records in Kafka, local[2], the better of {ROUNDS} runs"
    return Figure(what, f"≥ {MUST:,} records/s", f"{told} records/s", best >= MUST)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            broker = KafkaServer(folder / "kafka")
        except JarsError as error:
            show(
                [Figure("stream throughput on a backlog in Kafka", f"≥ {MUST:,} records/s", f"skipped: {error}", True)]
            )
            return
        broker.start()
        try:
            settings = {
                "SQLite": Settings.read(data=folder / "embedded"),
                "Kafka": Settings.read(data=folder / "clustered", log=broker.url),
            }
            show([asyncio.run(measure(settings))])
        finally:
            broker.kill()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    main()
