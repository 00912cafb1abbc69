"""What every store promises when writers and readers are different processes, and writers are killed."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.ports import Store
from pipeline.tables import STATION_CAPACITY, STATION_HISTORY, STATION_LATEST, TABLES
from pipeline.wiring import open_store
from tests.store_writer import MONTH, PARTITION

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url) as opened:
        await opened.create(TABLES)
        yield opened


def writer(store_url: str, how: str, stations: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store_writer", store_url, how, str(stations)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


async def test_processes_that_create_a_store_at_once_do_not_get_in_each_others_way(store_url: str) -> None:
    processes = [writer(store_url, "create", 0) for _ in range(6)]
    assert [await asyncio.to_thread(process.wait) for process in processes] == [0] * 6
    for process in processes:
        process.communicate()
    async with open_store(store_url) as store:
        assert await store.read(STATION_LATEST, ("brest",)) == []


async def test_a_reader_sees_a_replaced_partition_before_or_after_never_a_mix(store: Store, store_url: str) -> None:
    process = writer(store_url, "replace", 60)
    versions: set[int] = set()
    async with asyncio.timeout(60):
        while len(versions) < 50:
            rows = await store.read(STATION_CAPACITY, ("brest",))
            numbers = [row["capacity_observed"] for row in rows]
            if numbers:
                assert isinstance(numbers[0], int)
                assert numbers == [numbers[0]] * (60 // (1 + numbers[0] % 2))
                versions.add(numbers[0])
    process.kill()
    process.communicate()


@pytest.mark.timeout(240)
async def test_rows_and_offsets_stay_together_when_the_writer_is_killed(store: Store, store_url: str) -> None:
    for _ in range(15):
        process = writer(store_url, "write", 500)
        assert process.stdout
        first = await asyncio.to_thread(process.stdout.readline)
        await asyncio.sleep(random.uniform(0, 0.05))  # the moment of the kill, not a wait for something
        process.kill()
        acknowledged = [int(line) for line in (first + process.communicate()[0]).splitlines()]
        number = (await store.offsets("stream"))[PARTITION]
        rows = await store.read(STATION_LATEST, ("brest",))
        [newest] = await store.read(STATION_HISTORY, ("brest", "0000", MONTH), newest_first=True, limit=1)
        bikes = [row["bikes"] for row in rows if isinstance(row["bikes"], int)]
        # An engine without transactions writes the offsets strictly after their rows.
        unfinished = 0 if store_url.startswith("sqlite") else 1
        assert (len(bikes), min(bikes) >= number, max(bikes) - number <= unfinished) == (500, True, True)
        assert newest["bikes"] in {number, number + unfinished}
        assert number >= acknowledged[-1]
