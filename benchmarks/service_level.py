"""The service level of a network of 1,500 stations over 30 days, asked as GraphQL of a store that was just opened."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from backend.context import Context
from backend.live import LiveSystem, LiveTable
from backend.schema import schema
from benchmarks.figure import Figure, show
from pipeline.model import StationInformation, SystemInformation
from pipeline.ports import Row
from pipeline.service_level import Block, hours_text
from pipeline.settings import Settings
from pipeline.tables import STATION_SERVICE, TABLES
from pipeline.wiring import open_store

SYSTEM = "large"
STATIONS, DAYS, BLOCKS = 1500, 30, 36
FIRST = date(2026, 6, 1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
ROUNDS = 5
MOST_SECONDS = 1.0
QUERY = f"""{{ system(id: "{SYSTEM}") {{
    serviceLevel(from: "{FIRST}", to: "{FIRST + timedelta(days=DAYS - 1)}", minBikes: 2, minDocks: 2) {{
        share coverage stationsObserved stations(first: 20) {{ station {{ id }} share }}
    }} }} }}"""


async def measure(settings: Settings) -> list[Figure]:
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        for number in range(DAYS):
            await store.write({STATION_SERVICE: list(_day(FIRST + timedelta(days=number)))})
    seconds = [await _answer(settings) for _ in range(ROUNDS)]
    measured = f"{median(seconds):.2f} s (of {ROUNDS} times the longest {max(seconds):.2f} s)"
    what = f"service level of {STATIONS:,} stations over {DAYS} days"
    return [Figure(what, f"≤ {MOST_SECONDS:g} s", measured, median(seconds) <= MOST_SECONDS)]


def _day(day: date) -> Iterator[Row]:
    chance = random.Random(day.toordinal())
    for number in range(STATIONS):
        place: Row = {"system_id": SYSTEM, "date": day, "station_id": f"{number:04}"}
        yield {**place, "hours": hours_text(_blocks(chance))}


def _blocks(chance: random.Random) -> list[Block]:
    hours = [number * 24 // BLOCKS for number in range(BLOCKS)]
    return [(hour, chance.randrange(6), chance.randrange(6), 24 * 3_600_000_000 // BLOCKS) for hour in hours]


async def _answer(settings: Settings) -> float:
    """How long the query takes, in seconds."""
    async with open_store(settings.store) as store:
        context = Context(LiveTable({SYSTEM: _large()}), store, settings, lambda: NOW)
        started = time.perf_counter()
        answer = await schema.execute(QUERY, context_value=context)
        took = time.perf_counter() - started
    if answer.data is None or answer.data["system"]["serviceLevel"]["stationsObserved"] != STATIONS:
        msg = f"the server answered {answer}"
        raise RuntimeError(msg)
    return took


def _large() -> LiveSystem:
    information = SystemInformation(system_id=SYSTEM, polled_at=NOW, name="Large", time_zone="Europe/Paris")
    stations = [f"{number:04}" for number in range(STATIONS)]
    return LiveSystem(information=information, stations={station_id: _station(station_id) for station_id in stations})


def _station(station_id: str) -> StationInformation:
    return StationInformation(
        system_id=SYSTEM, polled_at=NOW, station_id=station_id, name=station_id, lat=48.39, lon=-4.49
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        show(asyncio.run(measure(Settings.read(data=Path(place)))))
