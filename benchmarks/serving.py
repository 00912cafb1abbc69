"""How long the API takes to answer from the figures of 1,500 stations over 30 days, asked for the first time.

    python -m benchmarks.serving

Each query is asked several times, each time of a store that was just opened; the median counts.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from backend.context import Context
from backend.live import LiveSystem, LiveTable
from backend.schema import schema
from benchmarks.figure import Figure, show
from pipeline.metrics import STATION_METRICS
from pipeline.model import StationInformation, SystemInformation
from pipeline.settings import Settings
from pipeline.tables import STATION_DAY, STATION_HOUR, TABLES
from pipeline.wiring import open_store

STATIONS, DAYS = 1_500, 30
TIMES = 7
NOW = datetime(2026, 11, 20, tzinfo=UTC)
FIRST = date(2026, 10, 20)
RANGE = f'from: "{FIRST}", to: "{FIRST + timedelta(days=DAYS - 1)}"'

QUERIES = {
    "hours of one station": (
        f'station(id: "700") {{ hours({RANGE}) {{ start bikesMean bikesMin bikesMax emptySeconds coverage }} }}',
        30,
    ),
    "ranking of all stations": (f"ranking(metric: EMPTY_SHARE, {RANGE}) {{ rank value coverage }}", 150),
}


def system() -> LiveSystem:
    told: dict[str, Any] = {"system_id": "a", "polled_at": NOW}
    stations = [
        StationInformation(**told, station_id=str(number), name=f"Station {number}", lat=48.0, lon=-4.0)
        for number in range(STATIONS)
    ]
    information = SystemInformation(**told, name="A", time_zone="UTC")
    return LiveSystem(information=information, stations={station.station_id: station for station in stations})


async def fill(settings: Settings) -> None:
    """Any numbers: what they are makes no difference."""
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        for number in range(DAYS):
            start = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=number)
            await store.write({STATION_DAY: list(_rows(start, 1)), STATION_HOUR: list(_rows(start, 24))})


def _rows(start: datetime, hours: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(start.toordinal())
    for station in range(STATIONS):
        figures = {
            metric.name: chance.randrange(30) if metric.type == "long" else chance.uniform(1, 3600)
            for metric in STATION_METRICS
        }
        row = {"system_id": "a", "date": start.date(), "station_id": str(station), **figures}
        if hours == 1:
            yield row
        else:
            yield from ({**row, "start": start + timedelta(hours=hour), "hour": hour} for hour in range(hours))


async def first_answer(settings: Settings, selection: str) -> float:
    """How many milliseconds the answer of a store took that was just opened."""
    async with open_store(settings.store) as store:
        context = Context(LiveTable({"a": system()}), store, settings, lambda: NOW)
        started = time.perf_counter()
        answer = await schema.execute(f'{{ system(id: "a") {{ {selection} }} }}', context_value=context)
        took = (time.perf_counter() - started) * 1000
    if answer.errors:
        raise answer.errors[0]
    return took


async def measure() -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.read(data=Path(folder))
        await fill(settings)
        # As the server does.
        gc.collect()
        gc.freeze()
        for what, (selection, most) in QUERIES.items():
            took = statistics.median([await first_answer(settings, selection) for _ in range(TIMES)])
            figures.append(Figure(f"{what} over {DAYS} days", f"≤ {most} ms", f"{took:.0f} ms", took <= most))
    return figures


if __name__ == "__main__":
    show(asyncio.run(measure()))
