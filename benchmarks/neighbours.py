"""Whether a system that hangs or floods makes the polls of the others later."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

import typer

from benchmarks.feed_farm import farming
from benchmarks.figure import Figure, percentile, show
from benchmarks.punctuality import lateness, polled
from pipeline.settings import Settings

SYSTEMS = 20
STATIONS = 100
INTERVAL_SECONDS = 1.0
ROUNDS = 3
WARM_SECONDS = 3.0
NEIGHBOURS = {"alone": (), "beside one that hangs": ("hang",), "beside one that floods": ("flood",)}
BAD = ("farm-hang", "farm-flood")
MAY_DIFFER = 1.1


def _urls(base: str, systems: tuple[str, ...]) -> list[str]:
    return [f"{base}/{name}/gbfs.json" for name in systems]


async def _late(folder: Path, urls: tuple[str, ...], seconds: float) -> list[float]:
    settings = Settings.read(
        feeds=urls,
        data=folder,
        min_poll_seconds=INTERVAL_SECONDS,
        # All are on one machine here: what is measured is the poller, not its consideration for a host.
        requests_per_host=1000,
        timeout_seconds=2 * INTERVAL_SECONDS,
    )
    instants = await polled(settings, WARM_SECONDS + seconds)
    good = {system_id: times for system_id, times in instants.items() if system_id not in BAD}
    return lateness(good, INTERVAL_SECONDS, WARM_SECONDS)


async def measure(seconds: float) -> list[Figure]:
    found: dict[str, list[float]] = {name: [] for name in NEIGHBOURS}
    # Those that hang or flood have a server of their own, or the others' would suffer from them itself.
    with farming(STATIONS) as base, farming(1) as bad:
        # In turns, so that whatever else the machine does comes to all of them.
        for _ in range(ROUNDS):
            for name, others in NEIGHBOURS.items():
                urls = (*_urls(base, tuple(map(str, range(SYSTEMS)))), *_urls(bad, others))
                with tempfile.TemporaryDirectory() as folder:
                    found[name] += await _late(Path(folder), urls, seconds / ROUNDS)
    alone = percentile(found.pop("alone"), 0.99)
    figures = []
    for name, late in found.items():
        p99 = percentile(late, 0.99)
        told = f"p99 {p99:.1f} ms, alone {alone:.1f} ms ({len(late):,} polls of {SYSTEMS} systems)"
        figures.append(Figure(f"polls {name}", "p99 of lateness within 10 %", told, p99 <= MAY_DIFFER * alone))
    return figures


def main(seconds: float = 60, json: bool = False) -> None:
    """Measure each for so many seconds."""
    logging.basicConfig(level="ERROR")
    show(asyncio.run(measure(seconds)))


if __name__ == "__main__":
    typer.run(main)
