"""Polls published by `tests.log_publisher`, read back from a log."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path

from pipeline.ports import Log, LogBatch, Offsets, StoredRecord

TOPICS = ["station_status", "feed_status"]
PROJECT = Path(__file__).resolve().parents[1]


def publisher(log_url: str, system_id: str, *arguments: int | float) -> subprocess.Popen[str]:
    """A process that publishes polls."""
    command = [sys.executable, "-m", "tests.log_publisher", log_url, system_id, *map(str, arguments)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


async def take(log: Log, count: int, offsets: Offsets | None = None, topics: Sequence[str] = TOPICS) -> list[LogBatch]:
    """The batches from ``offsets`` on, until ``count`` records have come."""
    batches: list[LogBatch] = []
    async with asyncio.timeout(30), aclosing(log.subscribe(topics, offsets or {})) as subscription:
        while sum(len(batch.records) for batch in batches) < count:
            batches.append(await anext(subscription))
    return batches


async def take_until(log: Log, number: int) -> list[LogBatch]:
    """The batches from the oldest record on, until the poll of this number has come."""
    batches: list[LogBatch] = []
    async with asyncio.timeout(120), aclosing(log.subscribe(TOPICS, {})) as subscription:
        while number not in poll_numbers(records_of(batches[-1:]), "brest"):
            batches.append(await anext(subscription))
    return batches


def records_of(batches: Iterable[LogBatch]) -> list[StoredRecord]:
    return [record for batch in batches for record in batch.records]


def torn_polls(values: Iterable[bytes]) -> dict[tuple[str, int], list[int]]:
    """The polls of which these values hold a part only, or hold it in another order."""
    indexes: dict[tuple[str, int], list[int]] = defaultdict(list)
    sizes: dict[tuple[str, int], int] = {}
    for value in map(json.loads, values):
        indexes[value["system"], value["poll"]].append(value["index"])
        sizes[value["system"], value["poll"]] = value["of"]
    return {which: found for which, found in indexes.items() if found != list(range(sizes[which]))}


def poll_numbers(records: Iterable[StoredRecord], system_id: str) -> list[int]:
    values = [json.loads(record.value) for record in records]
    return [value["poll"] for value in values if value["system"] == system_id and value["index"] == 0]
