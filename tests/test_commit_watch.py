"""Waking up when a file changes, at next to no cost while it does not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.adapters.commit_watch import CommitWatch
from pipeline.ports import LogError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "file.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE thing (name TEXT)")
        yield connection


def watch_of(tmp_path: Path) -> CommitWatch:
    return CommitWatch(tmp_path / "file.sqlite", lambda error: LogError(f"failed: {error}"))


async def test_every_watcher_is_woken_by_a_commit_and_not_by_a_read(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    watch = watch_of(tmp_path)
    async with watch.watching(), watch.watching():
        await watch.wait(watch.changed)  # the first look
        changed = watch.changed
        database.execute("SELECT * FROM thing").fetchall()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.wait(changed), 0.1)
        database.execute("INSERT INTO thing VALUES ('a')")
        async with asyncio.timeout(5):
            await asyncio.gather(watch.wait(changed), watch.wait(changed))


async def test_the_thread_ends_with_its_last_watcher(tmp_path: Path, database: sqlite3.Connection) -> None:
    watch = watch_of(tmp_path)
    for name in ("a", "b"):
        async with asyncio.timeout(5), watch.watching():
            changed = watch.changed
            database.execute("INSERT INTO thing VALUES (?)", (name,))
            await watch.wait(changed)
        assert [thread.name for thread in threading.enumerate() if "watch" in thread.name] == []


async def test_a_file_that_cannot_be_read_is_reported_to_every_watcher(tmp_path: Path) -> None:
    watch = watch_of(tmp_path)
    async with asyncio.timeout(5), watch.watching():
        for _ in range(2):
            with pytest.raises(LogError, match="failed: unable to open database file"):
                await watch.wait(watch.changed)


async def test_watching_a_quiet_file_costs_less_than_two_percent_of_a_core(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    watch = watch_of(tmp_path)
    async with watch.watching():
        await watch.wait(watch.changed)
        cpu, elapsed = time.process_time(), time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.wait(watch.changed), 2)
        assert time.process_time() - cpu < 0.02 * (time.monotonic() - elapsed)
