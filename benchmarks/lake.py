"""What a day in the lake weighs, and whether its figures take longer when the lake is years old.

    python -m benchmarks.lake

A day of a city of 41 stations, polled every minute. It is computed in turns beside the same day in a lake of 180.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from pyspark.sql import SparkSession

from benchmarks.backlog import START
from benchmarks.figure import Figure, show
from benchmarks.made_lake import SYSTEM_ID, make
from pipeline.day_figures import figures_of_day
from pipeline.days import local_day
from pipeline.inputs import INPUTS
from pipeline.model import Topic
from pipeline.past import Past, open_past
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.wiring import open_log, open_store

STATIONS, DAYS = 41, 180
RECORDS = STATIONS * 24 * 60
MOST_BYTES, MOST_TIMES = 3.0, 1.1
WARM_ROUNDS, ROUNDS = 4, 15
DAY = local_day(START.date(), ZoneInfo("UTC"))


def weight(settings: Settings) -> Figure:
    """The files of the day's station records."""
    files = (Path(settings.lake) / Topic.STATION_STATUS).rglob("*.parquet")
    each = sum(file.stat().st_size for file in files) / RECORDS
    what = f"lake: a day of {STATIONS} stations, {RECORDS:,} rows"
    return Figure(what, f"≤ {MOST_BYTES:g} bytes a row", f"{each:.2f} bytes a row", each <= MOST_BYTES)


def age(young: Settings) -> Figure:
    """The same day in a young lake and in an old one."""
    old = Settings.read(data=young.data, lake=f"{young.lake}-old")
    for number in range(DAYS):
        _copy(Path(young.lake), Path(old.lake), number)
    spark = session(young, "lake", is_long=True)
    try:
        return _compare(asyncio.run(_past(spark, young)), asyncio.run(_past(spark, old)), young)
    finally:
        end(spark)


def _copy(young: Path, old: Path, number: int) -> None:
    """What is in the files of other days makes no difference: they are not to be opened."""
    for folder in young.rglob(f"date={START:%Y-%m-%d}"):
        moved = f"date={START - timedelta(days=number):%Y-%m-%d}"
        shutil.copytree(folder, old / folder.relative_to(young).parent / moved)


async def _past(spark: SparkSession, settings: Settings) -> Past:
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        return await open_past(spark, settings.lake, log, store, INPUTS)


def _compare(young: Past, old: Past, settings: Settings) -> Figure:
    seconds: dict[str, list[float]] = {"young": [], "old": []}
    for number in range(WARM_ROUNDS + ROUNDS):
        for name, past in (("young", young), ("old", old)):
            started = time.perf_counter()
            figures_of_day(past, SYSTEM_ID, DAY, DAY.end, settings.thresholds)
            if number >= WARM_ROUNDS:
                seconds[name].append(time.perf_counter() - started)
    ratio = median(seconds["old"]) / median(seconds["young"])
    measured = f"{ratio:.2f} times ({median(seconds['old']):.2f} s, alone {median(seconds['young']):.2f} s)"
    what = f"figures of a day in a lake of {DAYS} days"
    return Figure(what, f"≤ {MOST_TIMES:g} times those in a lake of one", measured, ratio <= MOST_TIMES)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        settings = Settings.read(data=Path(place))
        make(settings, STATIONS, 1)
        show([weight(settings), age(settings)])


if __name__ == "__main__":
    main()
