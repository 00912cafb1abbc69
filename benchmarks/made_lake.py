"""A lake of many made days: the first through log and lake, the others copies of it, moved in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession

from benchmarks.backlog import CHANGING_SHARE, START, fill
from benchmarks.fresh_process import in_fresh_process
from pipeline import lake
from pipeline.model import Topic
from pipeline.ports import Log, Row, Store
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.tables import SYSTEM, TABLES
from pipeline.wiring import open_log, open_store

SYSTEM_ID = "backlog"
TOPICS = (Topic.STATION_STATUS, Topic.FEED_STATUS)
OFFSETS_A_DAY = 10_000_000
"""More than a day has, so that no two days share one."""

_MOVED = {
    Topic.STATION_STATUS: ("polled_at", "last_reported", "seen_before"),
    Topic.FEED_STATUS: ("polled_at",),
}


def make(settings: Settings, stations: int, days: int, changing_share: float = CHANGING_SHARE) -> None:
    """Days of polls every minute, from `benchmarks.backlog.START` on, in the lake of these settings."""
    in_fresh_process(_make_first_day, settings, stations, changing_share)
    with duckdb.connect() as connection:
        for number in range(1, days):
            for topic in TOPICS:
                _copy_day(connection, Path(settings.lake), topic, number)


def _make_first_day(settings: Settings, stations: int, changing_share: float) -> None:
    asyncio.run(_first_day(settings, stations, changing_share))


async def _first_day(settings: Settings, stations: int, changing_share: float) -> None:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        row: Row = {"part": "all", "system_id": SYSTEM_ID, "polled_at": START, "name": "Backlog", "time_zone": "UTC"}
        await store.write({SYSTEM: [row]})
        await fill(log, stations, stations * 24 * 60, changing_share)
        spark = await asyncio.to_thread(session, settings, "lake", is_long=True)
        try:
            await _to_lake(spark, settings, log, store)
        finally:
            end(spark)


async def _to_lake(spark: SparkSession, settings: Settings, log: Log, store: Store) -> None:
    await lake.advance(spark, log, store, settings.lake, await log.end_offsets(list(Topic)))


def _copy_day(connection: duckdb.DuckDBPyConnection, folder: Path, topic: Topic, number: int) -> None:
    system = folder / topic / f"system_id={SYSTEM_ID}"
    moved = ", ".join(f"{name} + INTERVAL {number} DAY AS {name}" for name in _MOVED[topic])
    for file in sorted((system / f"date={START:%Y-%m-%d}").rglob("*.parquet")):
        target = system / f"date={START + timedelta(days=number):%Y-%m-%d}" / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f'COPY (SELECT * REPLACE ({moved}, "offset" + {number * OFFSETS_A_DAY} AS "offset")'
            f" FROM read_parquet('{file}', hive_partitioning = false))"
            f" TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
