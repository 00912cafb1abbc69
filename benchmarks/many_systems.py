"""As many systems and stations as the world's catalogue has, polled every minute into a log, by one poller."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path

import psutil
import typer

from benchmarks.feed_farm import farming
from benchmarks.figure import Figure, percentile, show
from benchmarks.punctuality import lateness, missed, polled
from pipeline.settings import Settings

SYSTEMS = 1520
STATIONS = 100
INTERVAL_SECONDS = 60.0


async def measure(folder: Path, minutes: float) -> list[Figure]:
    with farming(STATIONS) as base:
        urls = tuple(f"{base}/{number}/gbfs.json" for number in range(SYSTEMS))
        settings = Settings.read(feeds=urls, data=folder, min_poll_seconds=INTERVAL_SECONDS, requests_per_host=64)
        memory = asyncio.create_task(_memory(minutes))
        instants = await polled(settings, minutes * 60)
        used = await memory
    late = lateness(instants, INTERVAL_SECONDS)
    lost = missed(instants, INTERVAL_SECONDS)
    polls = sum(map(len, instants.values()))
    told = f"p99 {percentile(late, 0.99):,.0f} ms, longest {max(late):,.0f} ms, {lost} of {polls:,} polls missed"
    is_kept = len(instants) == SYSTEMS and lost == 0 and max(late) < INTERVAL_SECONDS * 1000
    what = f"{SYSTEMS:,} systems, {SYSTEMS * STATIONS:,} stations, each minute, for {minutes:g} min: poller and log"
    return [
        Figure(what, "no poll later than its interval", told, is_kept),
        Figure(
            "memory of that poller",
            "flat (within 10 % after its first 2 min)",
            f"{used[0]:.0f} → {used[1]:.0f} MB",
            used[1] <= 1.1 * used[0],
        ),
    ]


async def _memory(minutes: float) -> tuple[float, float]:
    """Megabytes after two minutes (everything has been polled twice), and shortly before the end."""
    process = psutil.Process(os.getpid())
    await asyncio.sleep(min(120.0, minutes * 30))
    first = process.memory_info().rss / 1e6
    await asyncio.sleep(max(0.0, minutes * 60 - min(120.0, minutes * 30) - 5))
    return first, process.memory_info().rss / 1e6


def main(minutes: float = 30, json: bool = False) -> None:
    """Poll them for so many minutes."""
    logging.basicConfig(level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        show(asyncio.run(measure(Path(folder), minutes)))


if __name__ == "__main__":
    typer.run(main)
