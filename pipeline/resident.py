"""The stream's process: the query, kept running; the chores beside it; one orderly end."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.from_thread import BlockingPortal
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from pipeline import lake
from pipeline.class_archive import make_archive
from pipeline.cluster import LOOK_SECONDS, Lifeline
from pipeline.instruments import served
from pipeline.logs import sentence
from pipeline.model import Topic
from pipeline.ports import BikewireError, Log, LogError, PublisherFenced, Store, StoreError
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.spark import ending, session
from pipeline.stream import JOB, Stream
from pipeline.tables import TABLES
from pipeline.tending import Tending
from pipeline.wiring import open_log, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 60.0
"""How long a query that keeps dying waits before it is started again, at most."""

HEALTHY_SECONDS = 120.0
"""A query that ran for this long starts over with the shortest wait."""

STUCK_SECONDS = 60.0
"""A micro-batch that takes longer than this is stuck, or the machine is far too slow for it."""

_CATCH_UP_SECONDS = 300.0
_WATCH_SECONDS = 0.25


class StreamFailed(BikewireError):
    """The stream can't go on; the text says why."""


def run(settings: Settings, *, available_now: bool) -> None:
    """Run the stream until it is interrupted, or with ``available_now`` until all that is in the log is done.

    Raises KeyboardInterrupt when it was interrupted (its JVM has ended by then), JavaError, SettingsError,
    LogError, StoreError when it can't start, StreamFailed when ``available_now`` fails, and SparkLost when there is
    no cluster for it: whoever looks after this process starts it again.
    """
    try:
        anyio.run(_run, settings, available_now)
    except BaseExceptionGroup as group:
        error = _first(group)
        if isinstance(error, (Py4JError, ConnectionError)):
            msg = f"Spark has ended: {sentence(error)}"
            raise StreamFailed(msg) from group
        raise error from group


def _first(error: BaseException) -> BaseException:
    """What it began with: a sentence of ours where there is one among what broke with it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    found = [_first(one) for one in error.exceptions]
    return next((one for one in found if isinstance(one, BikewireError)), found[0])


async def _run(settings: Settings, available_now: bool) -> None:
    async with open_log(settings.log, JOB) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(list(Topic))
        await store.create(TABLES)
        async with _session(settings, available_now) as spark:
            stream = Stream(spark, settings, log, store, portal)
            with served(stream.instruments.registry, settings):
                async with _watched(stream, Lifeline(spark), log):
                    if available_now:
                        await Lifeline(spark).hold(catch_up(stream, spark, settings, log, store))
                        await asyncio.to_thread(make_archive, spark)
                    else:
                        await _reside(stream, Tending(spark, settings, log, store))


@asynccontextmanager
async def _session(settings: Settings, is_long: bool) -> AsyncIterator[SparkSession]:
    spark = await _in_daemon(settings, is_long)
    with ending(spark):
        yield spark


async def _in_daemon(settings: Settings, is_long: bool) -> SparkSession:
    """Start Spark in a thread that an interrupted start does not wait for; the JVM then ends with this process."""
    started: Future[SparkSession] = Future()

    def start() -> None:
        try:
            started.set_result(session(settings, "bikewire-stream", is_long=is_long))
        except BaseException as error:  # to be raised where the session was asked for
            started.set_exception(error)

    threading.Thread(target=start, name="spark", daemon=True).start()
    return await asyncio.wrap_future(started)


async def catch_up(stream: Stream, spark: SparkSession, settings: Settings, log: Log, store: Store) -> None:
    """Compute all that is in the log, write all of it to the lake, and say what was done. Raises StreamFailed."""
    started = time.monotonic()
    query = await asyncio.to_thread(stream.start, available_now=True)
    await _ended(query, stream)
    failure = await _failure(query, stream)
    if failure is not None:
        msg = f"The stream failed: {failure}"
        raise StreamFailed(msg)
    await asyncio.to_thread(stream.finish)
    streamed = time.monotonic()
    report = await lake.advance(spark, log, store, settings.lake, await store.offsets(JOB))
    logger.info(
        "stream: caught up; %d records in %.1f s, %d lake files in %.1f s",
        stream.records,
        streamed - started,
        report.files,
        report.seconds,
    )


async def _reside(stream: Stream, tending: Tending) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(stream.warm_up))
        tasks.create_task(keep_running(stream))
        tasks.create_task(_tend(stream, tending))


@asynccontextmanager
async def _watched(stream: Stream, lifeline: Lifeline, log: Log) -> AsyncIterator[None]:
    """Look after the stream while the block runs; SparkLost ends the block."""
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(_watch(stream, lifeline, log))
        yield
        watch.cancel()


async def _watch(stream: Stream, lifeline: Lifeline, log: Log) -> None:
    while True:
        executors = await asyncio.to_thread(lifeline.check, stream.busy_seconds > 0)
        stream.instruments.executors.set(executors)
        try:
            stream.instruments.lags(await log.end_offsets(TOPICS), stream.consumed)
        except LogError:
            stream.instruments.no_lags()
        await asyncio.sleep(LOOK_SECONDS)


async def _tend(stream: Stream, tending: Tending) -> None:
    # The newest figures on the map do not wait for chores, but chores do not wait for ever.
    with anyio.move_on_after(_CATCH_UP_SECONDS):
        while not await asyncio.to_thread(stream.is_idle):  # noqa: ASYNC110  # Spark tells nobody that it is idle
            await asyncio.sleep(_WATCH_SECONDS)
    await tending.run(stream.instruments)


async def keep_running(stream: Stream) -> None:
    """Run the query, and start it again whenever it ends; raises Py4JError when Spark itself has gone."""
    wait = 1.0
    while True:
        started = time.monotonic()
        reason = await _run_once(stream)
        wait = 1.0 if time.monotonic() - started > HEALTHY_SECONDS else wait
        stream.instruments.restarts.inc()
        logger.error("stream: the query ended and is started again in %d s: %s", wait, reason)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


async def _run_once(stream: Stream) -> str:
    """Run the query until it ends; why it did."""
    try:
        query = await asyncio.to_thread(stream.start)
        await _ended(query, stream)
        return await _failure(query, stream) or "it was stopped"
    except PublisherFenced:
        raise
    except (LogError, StoreError, PySparkException, Py4JJavaError) as error:
        return sentence(error)


async def _ended(query: StreamingQuery, stream: Stream) -> None:
    """Returns when the query does not run any more; says so, once, when a micro-batch seems to be stuck."""
    has_warned = False
    while await asyncio.to_thread(lambda: query.isActive):
        busy = stream.busy_seconds
        if busy > STUCK_SECONDS and not has_warned:
            logger.warning("stream: a micro-batch has been at work for %d s", busy)
        has_warned = busy > STUCK_SECONDS
        await asyncio.sleep(_WATCH_SECONDS)


async def _failure(query: StreamingQuery, stream: Stream) -> str | None:
    """Why the query ended, if it did not end well. Raises PublisherFenced when another stream runs."""
    if isinstance(stream.failure, PublisherFenced):
        raise stream.failure
    if stream.failure is not None:
        return sentence(stream.failure)
    error = await asyncio.to_thread(query.exception)
    return None if error is None else sentence(error)
