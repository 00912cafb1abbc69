"""The stream's process: catches up and ends, or stays until it is told to stop; comes back after any death."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from anyio.from_thread import BlockingPortal

from pipeline import resident
from pipeline.model import Topic
from pipeline.settings import Settings
from pipeline.stream import Stream
from pipeline.tables import NETWORK_HISTORY, TABLES
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, START, log_records, poll, rows
from tests.made_polls import SYSTEM as BREST
from tests.running import BIKEWIRE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


async def publish(settings: Settings, number: int) -> None:
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        await log.publish(BREST, log_records(poll(START + number * MINUTE, {"a": (number, 9)})))


async def totals(settings: Settings) -> list[int]:
    """The bikes of each poll in the store."""
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        return [row["bikes"] for row in await rows(store, NETWORK_HISTORY, BREST, START.date())]


async def until_totals(settings: Settings, expected: list[int], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while await totals(settings) != expected:  # noqa: ASYNC110  # another process makes it true
            await asyncio.sleep(0.05)


@contextmanager
def streaming(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [BIKEWIRE, "stream", *options, "--data", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.timeout(200)
async def test_it_ends_within_five_seconds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = Settings.read(data=tmp_path)
    await publish(settings, 0)
    with streaming(tmp_path) as process:
        await until_totals(settings, [0])
        processes = family(process)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert time.monotonic() - started < 5
        assert psutil.wait_procs(processes, timeout=2)[1] == []
    await publish(settings, 1)
    with streaming(tmp_path, "--available-now") as process:
        assert await asyncio.to_thread(process.wait, 60) == 0
    assert await totals(settings) == [0, 1]


@pytest.mark.timeout(200)
async def test_when_its_jvm_is_killed_it_says_so_and_ends(tmp_path: Path) -> None:
    settings = Settings.read(data=tmp_path)
    await publish(settings, 0)
    with streaming(tmp_path) as process:
        await until_totals(settings, [0])
        (jvm,) = [child for child in family(process) if child.name() == "java"]
        os.kill(jvm.pid, signal.SIGKILL)
        said = await asyncio.to_thread(process.communicate, None, 20)
    assert process.returncode != 0
    assert "Spark has ended" in said[1]


@asynccontextmanager
async def stream_of(spark: SparkSession, folder: Path) -> AsyncIterator[Stream]:
    settings = Settings.read(data=folder)
    async with open_log(settings.log) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Stream(spark, settings, log, store, portal)


async def test_a_query_that_died_is_started_again(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.read(data=tmp_path)
    await publish(settings, 0)
    async with stream_of(spark, tmp_path) as stream:
        running = asyncio.create_task(resident.keep_running(stream))
        await until_totals(settings, [0])
        await asyncio.to_thread(stream.stop)
        await publish(settings, 1)
        await until_totals(settings, [0, 1])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(stream.stop)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "stream: the query ended and is started again in 1 s: it was stopped"
    ]
