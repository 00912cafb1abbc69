"""Writes numbered versions of a network to a store, as a process of its own, until it is killed.

``python -m tests.store_writer URL create|write|replace STATIONS`` prints a version's number once it is written;
``create`` makes the store and ends.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from datetime import UTC, datetime, timedelta

from pipeline.ports import Consumed, Row, Store, TopicPartition
from pipeline.tables import STATION_CAPACITY, STATION_HISTORY, STATION_LATEST, TABLES
from pipeline.wiring import open_store

START = datetime(2026, 11, 1, tzinfo=UTC)
MONTH = 202611
PARTITION = TopicPartition("station_status", 0)


def version(number: int, stations: int) -> list[Row]:
    """Every station of the network, all with this many bikes."""
    polled_at = START + timedelta(microseconds=number)
    return [
        {"system_id": "brest", "station_id": f"{index:04}", "polled_at": polled_at, "bikes": number}
        for index in range(stations)
    ]


async def write(store: Store, number: int, stations: int) -> None:
    """The version as the newest of each station and as history, and how far that has consumed the log."""
    newest = version(number, stations)
    history = [{**row, "month": MONTH} for row in newest[:1]]
    await store.write({STATION_LATEST: newest, STATION_HISTORY: history}, Consumed("stream", {PARTITION: number}))


async def replace(store: Store, number: int, stations: int) -> None:
    """The version in place of the one before; odd ones have half the stations."""
    rows: list[Row] = [
        {"system_id": "brest", "station_id": f"{index:04}", "capacity_observed": number}
        for index in range(stations // (1 + number % 2))
    ]
    await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: rows})


async def run(url: str, how: str, stations: int) -> None:
    """Write version after version, numbered from the clock."""
    async with open_store(url) as store:
        await store.create(TABLES)
        if how == "create":
            return
        for number in itertools.count(time.time_ns() // 1_000_000):
            await {"write": write, "replace": replace}[how](store, number, stations)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
