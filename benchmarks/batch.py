"""The batch of a day of a million, and of ten million, station records in the lake, warm, beside DuckDB doing the same.

Both read the same Parquet files with two threads and bring all figures of the day to Python, in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import duckdb
from pyspark.sql import SparkSession

from benchmarks.backlog import START, fill
from benchmarks.figure import Figure, show
from benchmarks.fresh_process import in_fresh_process
from pipeline import lake
from pipeline.day_figures import DayFigures, figures_of_day
from pipeline.days import local_day
from pipeline.inputs import INPUTS
from pipeline.model import Topic
from pipeline.past import Past, open_past
from pipeline.ports import Log, Store
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.tables import NETWORK_HOUR, STATION_DAY, STATION_EPISODE, TABLES
from pipeline.wiring import open_log, open_store
from tests import figures_oracle
from tests.observed_world import World

Result = TypeVar("Result")

SYSTEM = "backlog"
ZONE = "UTC"
DAY = local_day(START.date(), ZoneInfo(ZONE))


class Size(NamedTuple):
    """A day of so many stations, polled every minute, and what is promised of it."""

    stations: int
    name: str
    most_times_duckdb: float
    warm_rounds: int
    rounds: int


SIZES = (Size(695, "1e6", 8.0, 3, 5), Size(6_950, "1e7", 3.5, 1, 3))


async def measure(settings: Settings, size: Size) -> Figure:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        await fill(log, size.stations, size.stations * 24 * 60)
        spark = await asyncio.to_thread(session, settings, "batch", is_long=True)
        try:
            past = await _in_the_lake(spark, settings, log, store)
            return await asyncio.to_thread(_compare, past, settings, size)
        finally:
            end(spark)


async def _in_the_lake(spark: SparkSession, settings: Settings, log: Log, store: Store) -> Past:
    await lake.advance(spark, log, store, settings.lake, await log.end_offsets(list(Topic)))
    return await open_past(spark, settings.lake, log, store, INPUTS)


def _compare(past: Past, settings: Settings, size: Size) -> Figure:
    spark_seconds, duckdb_seconds = [], []
    for number in range(size.warm_rounds + size.rounds):
        ours, spark_took = _timed(lambda: figures_of_day(past, SYSTEM, DAY, DAY.end, settings.thresholds))
        theirs, duckdb_took = _timed(lambda: _by_duckdb(Path(settings.lake)))
        if number >= size.warm_rounds:
            spark_seconds.append(spark_took)
            duckdb_seconds.append(duckdb_took)
    _check(ours, theirs)
    ratio = median(spark_seconds) / median(duckdb_seconds)
    measured = (
        f"{ratio:.1f} times DuckDB ({median(spark_seconds):.2f} s, DuckDB {median(duckdb_seconds):.2f} s,"
        f" {ours.records:,} records, {ours.stations:,} stations)"
    )
    what, must = f"figures of a day of {size.name} records, warm", f"≤ {size.most_times_duckdb:g} times DuckDB"
    return Figure(what, must, measured, ratio <= size.most_times_duckdb)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _by_duckdb(folder: Path) -> figures_oracle.Oracle:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.sql("SET enable_progress_bar = false")
        for view, topic in (("statuses", Topic.STATION_STATUS), ("feeds", Topic.FEED_STATUS)):
            connection.sql(f"CREATE VIEW {view} AS FROM read_parquet('{folder / topic}/**/*.parquet')")
        connection.register("vehicles", World().vehicle_table())
        return figures_oracle.figures_in(connection, ZONE, DAY.date, DAY.end + timedelta(days=1))


def _check(ours: DayFigures, theirs: figures_oracle.Oracle) -> None:
    counts = tuple(len(ours.rows[table]) for table in (STATION_DAY, STATION_EPISODE, NETWORK_HOUR))
    if counts != (expected := (len(theirs.days), len(theirs.episodes), len(theirs.network_hours))):
        msg = f"Spark made {counts} rows, DuckDB {expected}"
        raise RuntimeError(msg)


def figure_of(size: Size) -> Figure:
    with tempfile.TemporaryDirectory() as place:
        return asyncio.run(measure(Settings.read(data=Path(place)), size))


def main() -> None:
    show([in_fresh_process(figure_of, size) for size in SIZES])


if __name__ == "__main__":
    main()
