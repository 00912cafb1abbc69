"""As many systems and stations as the world's catalogue has, each minute: `bikewire poll` and `bikewire stream`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import typer

from benchmarks.feed_farm import farming
from benchmarks.figure import Figure, percentile, show
from benchmarks.installation import BIKEWIRE, megabytes, middle_and_last, running
from benchmarks.punctuality import Instants, instants_in, lateness, missed
from pipeline.model import Topic
from pipeline.ports import behind
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.stream import JOB
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store

SYSTEMS = 1520
STATIONS = 100
INTERVAL_SECONDS = 60.0
LOOK_SECONDS = 5.0


class Sample(NamedTuple):
    """A look at the installation: memory of all its processes, and records of the log that are not in the store."""

    megabytes: float
    behind: int


def measure(folder: Path, minutes: float) -> list[Figure]:
    with farming(STATIONS) as base:
        urls = [f"{base}/{number}/gbfs.json" for number in range(SYSTEMS)]
        with _installation(folder, urls) as pids:
            samples = list(_watched(folder, pids, minutes * 60))
        instants = asyncio.run(_instants(folder))
    what = f"{SYSTEMS:,} systems, {SYSTEMS * STATIONS:,} stations, each minute, for {minutes:g} min"
    return [_punctuality(what, instants), _pace(samples), _memory(samples)]


@contextmanager
def _installation(folder: Path, urls: list[str]) -> Iterator[list[int]]:
    """The poller and the stream, with the log and the store between and behind them."""
    commands = {"poll": ["poll", *urls], "stream": ["stream"]}
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running(
                    [BIKEWIRE, *command, "--data", str(folder / "data")],
                    folder / f"{name}.log",
                    # All systems are on one host here.
                    BIKEWIRE_REQUESTS_PER_HOST="64",
                )
            ).pid
            for name, command in commands.items()
        ]


def _watched(folder: Path, pids: list[int], seconds: float) -> Iterator[Sample]:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(LOOK_SECONDS, left))
        yield (sample := Sample(sum(map(megabytes, pids)), asyncio.run(_behind(folder))))
        told = f"{sample.megabytes:.0f} MB, {sample.behind} records behind, {max(left, 0) / 60:.1f} min left"
        sys.stderr.write(f"\r{told:<70}")
    sys.stderr.write("\n")


async def _behind(folder: Path) -> int:
    settings = Settings.read(data=folder / "data")
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        consumed = await store.offsets(JOB)
        ends = await log.end_offsets(TOPICS)
        waiting = behind(consumed, ends, log)
    # A stream that has not begun lacks all that there is.
    return max(ends.values(), default=0) if waiting is None else waiting


async def _instants(folder: Path) -> Instants:
    async with open_log(Settings.read(data=folder / "data").log) as log:
        return await instants_in(log)


def _punctuality(what: str, instants: Instants) -> Figure:
    late = lateness(instants, INTERVAL_SECONDS)
    lost = missed(instants, INTERVAL_SECONDS)
    polls = sum(map(len, instants.values()))
    told = f"p99 {percentile(late, 0.99):,.0f} ms, longest {max(late):,.0f} ms, {lost} of {polls:,} polls missed"
    is_kept = len(instants) == SYSTEMS and lost == 0 and max(late) < INTERVAL_SECONDS * 1000
    return Figure(f"{what}: poller", "no poll later than its interval", told, is_kept)


def _pace(samples: list[Sample]) -> Figure:
    # At first Java compiles, and each system is polled for the first time.
    found = [sample.behind for sample in samples[len(samples) // 3 :]]
    minute = SYSTEMS * STATIONS
    told = f"median {median(found):,.0f}, most {max(found):,} records behind"
    return Figure("the stream beside it", f"keeps up: ≤ {minute:,} behind, a minute's", told, max(found) <= minute)


def _memory(samples: list[Sample]) -> Figure:
    middle, last = middle_and_last([sample.megabytes for sample in samples])
    told = f"{middle:.0f} MB in the middle third, {last:.0f} MB in the last ({last / middle - 1:+.1%})"
    return Figure("memory of both", "flat: within 10 %", told, last <= 1.1 * middle)


def main(minutes: float = 30, json: bool = False) -> None:
    """Run it for so many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        show(measure(Path(folder), minutes))


if __name__ == "__main__":
    typer.run(main)
