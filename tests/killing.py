"""Processes that are killed at random moments, again and again, and an installation that they work on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from pipeline.model import Record, Topic, decode
from pipeline.ports import Log, Store
from pipeline.results import TOPICS
from pipeline.tables import BATCH_DAY, LAKE_HOUR, TABLES, Table
from tests.running import BIKEWIRE

VOLATILE: dict[Table, set[str]] = {BATCH_DAY: {"computed_at", "offsets"}, LAKE_HOUR: {"written_at"}}
"""What says when, or in how many steps, a table was filled."""


class Victim(NamedTuple):
    """A `bikewire` with these arguments, to be killed within so many seconds of its start."""

    arguments: Sequence[str | Path]
    longest_seconds: float


class Killed(NamedTuple):
    """When a process was killed, in seconds after its start, and whether what it had started was too."""

    seconds: float
    with_all: bool


def kill(victim: Victim, chance: random.Random, told: Path) -> Killed | None:
    """Start it and kill it at a random moment; None when it had ended by itself. What it says goes to a file."""
    seconds, with_all = chance.uniform(0, victim.longest_seconds), chance.random() < 0.5
    command = [BIKEWIRE, *map(str, victim.arguments)]
    with told.open("a") as file, subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            # Without the others its JVM goes on for a moment, beside the next one's.
            (os.killpg if with_all else os.kill)(process.pid, signal.SIGKILL)
            return Killed(seconds, with_all)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
    return None


def kill_often(
    times: int, victims: Callable[[], Victim], chance: random.Random, told: Path, afterwards: Callable[[], object]
) -> list[Killed]:
    """Kill one after the other, so many times; ``afterwards`` is called after each."""
    killed: list[Killed] = []
    while len(killed) < times:
        found = kill(victims(), chance, told)
        if found is not None:
            killed.append(found)
            afterwards()
    return killed


async def content(store: Store) -> dict[str, list[str]]:
    """All rows of all tables but what is volatile, in an order of their own."""
    return {table.name: sorted([row async for row in _rows(store, table)]) for table in TABLES}


async def _rows(store: Store, table: Table) -> AsyncIterator[str]:
    for partition in await store.partitions(table):
        for row in await store.read(table, partition):
            yield str({name: value for name, value in row.items() if name not in VOLATILE.get(table, ())})


class Logged(NamedTuple):
    """A record and its place."""

    topic: str
    offset: int
    record: Record


async def logged(log: Log) -> list[Logged]:
    """All that the stream reads of a log that nobody writes to, in its order."""
    found: list[Logged] = []
    ends = await log.end_offsets(TOPICS)
    async with asyncio.timeout(60), aclosing(log.subscribe(TOPICS, {})) as batches:
        async for batch in batches:
            found += [Logged(one.topic, one.offset, decode(one.topic, one.value)) for one in batch.records]
            if all(batch.offsets[place] >= end for place, end in ends.items()):
                break
    return found


def in_lake(folder: str) -> list[tuple[Topic, int]]:
    """Topic and offset of every record in the lake, in their order."""
    files = ((topic, file) for topic in TOPICS for file in (Path(folder) / topic).rglob("*.parquet"))
    found: list[tuple[Topic, Any]] = [
        (topic, offset)
        for topic, file in files
        for offset in pq.ParquetFile(file).read(["offset"])["offset"].to_pylist()
    ]
    return sorted(found)
