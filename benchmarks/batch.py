"""The batch of a day of a million station records in the lake, warm, beside DuckDB doing the same.

Both read the same Parquet files with two threads and bring hours, days and the network's day to Python, in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar
from zoneinfo import ZoneInfo

import duckdb
from pyspark.sql import SparkSession

from benchmarks.backlog import START, fill
from benchmarks.figure import Figure, show
from pipeline import lake
from pipeline.day_figures import TOPICS, DayFigures, figures_of_day
from pipeline.days import local_day
from pipeline.model import Topic
from pipeline.past import Past, open_past
from pipeline.ports import Log, Store
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store
from tests import figures_oracle

Result = TypeVar("Result")

SYSTEM = "backlog"
STATIONS = 695
RECORDS = STATIONS * 24 * 60
WARM_ROUNDS, ROUNDS = 3, 5
MOST_TIMES_DUCKDB = 8.0
ZONE = "UTC"
DAY = local_day(START.date(), ZoneInfo(ZONE))


async def measure(settings: Settings) -> list[Figure]:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        await fill(log, STATIONS, RECORDS)
        spark = await asyncio.to_thread(session, settings, "batch")
        try:
            past = await _in_the_lake(spark, settings, log, store)
            return await asyncio.to_thread(_compare, past, settings)
        finally:
            end(spark)


async def _in_the_lake(spark: SparkSession, settings: Settings, log: Log, store: Store) -> Past:
    await lake.advance(spark, log, store, settings.lake, await log.end_offsets(list(Topic)))
    return await open_past(spark, settings.lake, log, store, TOPICS)


def _compare(past: Past, settings: Settings) -> list[Figure]:
    spark_seconds, duckdb_seconds = [], []
    for number in range(WARM_ROUNDS + ROUNDS):
        ours, spark_took = _timed(lambda: figures_of_day(past, SYSTEM, DAY, DAY.end))
        theirs, duckdb_took = _timed(lambda: _by_duckdb(Path(settings.lake)))
        if number >= WARM_ROUNDS:
            spark_seconds.append(spark_took)
            duckdb_seconds.append(duckdb_took)
    _check(ours, theirs)
    ratio = median(spark_seconds) / median(duckdb_seconds)
    measured = (
        f"{ratio:.1f} times DuckDB ({median(spark_seconds):.2f} s, DuckDB {median(duckdb_seconds):.2f} s,"
        f" {ours.records:,} records, {len(ours.hours):,} hours)"
    )
    what = "figures of a day of 1e6 records, warm"
    return [Figure(what, f"≤ {MOST_TIMES_DUCKDB:g} times DuckDB", measured, ratio <= MOST_TIMES_DUCKDB)]


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _by_duckdb(folder: Path) -> figures_oracle.Oracle:
    with duckdb.connect(config={"threads": 2}) as connection:
        for view, topic in (("statuses", Topic.STATION_STATUS), ("feeds", Topic.FEED_STATUS)):
            connection.sql(f"CREATE VIEW {view} AS FROM read_parquet('{folder / topic}/**/*.parquet')")
        return figures_oracle.figures_in(connection, ZONE, DAY.date, DAY.end + timedelta(days=1))


def _check(ours: DayFigures, theirs: figures_oracle.Oracle) -> None:
    counts = (len(ours.hours), len(ours.stations), len(ours.network))
    if counts != (len(theirs.hours), len(theirs.days), len(theirs.networks)):
        msg = f"Spark made {counts} rows, DuckDB {len(theirs.hours)}, {len(theirs.days)}, {len(theirs.networks)}"
        raise RuntimeError(msg)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        show(asyncio.run(measure(Settings.read(data=Path(place)))))
