"""A Spark standalone cluster: its masters, the settings that only it needs, and how many executors it has given.

The driver stays in this process (client mode). Executors run Spark's own expressions only, so they need neither
our code nor our libraries; of the log, only the SQLite one is read by Python on the executors, from a file that they
must have too. The lake's folder has to be the same one on every machine.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import socket
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from pipeline.ports import BikewireError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")

REACH_SECONDS = 5.0
"""How long a master may take to accept a connection."""

PATIENCE_SECONDS = 30.0
"""How long there may be work and no executor for it before the session is given up; one takes some seconds to start."""

LOOK_SECONDS = 2.0

_MASTER = re.compile(r"spark://[^/,:]+:\d+(,[^/,:]+:\d+)*")

_CLUSTER = {
    # One task in each executor, spread over the workers: losing one of them loses one task.
    "spark.executor.cores": "1",
    # A micro-batch is small: to fetch it from another executor costs less than to wait 3 s for the one that has it.
    "spark.locality.wait": "0s",
    # A worker whose power went says no goodbye: its tasks are given to others after half a minute, not after two.
    # (Refused when below the interval of looking, which is 60 s by default.)
    "spark.network.timeout": "30s",
    "spark.network.timeoutInterval": "5s",
    "spark.executor.heartbeatInterval": "5s",
    # Workers from the pip package hold no build folder by which Spark could guess this; without it every executor
    # dies, and after ten deaths the application.
    "spark.executorEnv.SPARK_SCALA_VERSION": "2.13",
    # A resident application never ends, and neither do its executors' logs.
    "spark.executor.logs.rolling.strategy": "size",
    "spark.executor.logs.rolling.maxSize": str(10 * 1024 * 1024),
    "spark.executor.logs.rolling.maxRetainedFiles": "2",
}


class SparkLost(BikewireError):
    """There is no cluster to compute on, or not for this session any more; a new process may have one."""


class Address(NamedTuple):
    """Where a master listens."""

    host: str
    port: int


def is_cluster(master: str) -> bool:
    """Whether this is the URL of standalone masters: spark://HOST:PORT, more of them comma-separated."""
    return _MASTER.fullmatch(master) is not None


def masters(url: str) -> list[Address]:
    """The masters that the URL names; one of them leads."""
    places = [place.rsplit(":", 1) for place in url.removeprefix("spark://").split(",")]
    return [Address(host, int(port)) for host, port in places]


def driver_address(settings: Settings) -> str:
    """The address of this machine on its way to a master, from which the workers reach the driver.

    Raises SparkLost when no master listens: Spark itself would take a minute to find that out.
    """
    for place in masters(settings.spark):
        with suppress(OSError), socket.create_connection(place, REACH_SECONDS) as connection:
            return str(connection.getsockname()[0])
    msg = f"BIKEWIRE_SPARK: no Spark master answers at {settings.spark}."
    raise SparkLost(msg)


def cluster_settings(settings: Settings, compiler: Sequence[str] = ()) -> dict[str, str]:
    """The settings of Spark that only a cluster needs; ``compiler`` are options of Java. Raises SparkLost."""
    found = driver_address(settings)
    return {
        **_CLUSTER,
        "spark.driver.host": settings.spark_driver_host or found,
        # A name that was given may lead here by way of a translated address, which is none of this machine's.
        "spark.driver.bindAddress": "0.0.0.0" if settings.spark_driver_host else found,
        # An application takes every core of the cluster unless told otherwise: no other would ever run.
        "spark.cores.max": str(settings.spark_cores),
        "spark.executor.extraJavaOptions": " ".join(["-XX:+UseSerialGC", *compiler]),
        "spark.executor.memory": settings.spark_executor_memory,
        # For the SQLite log, whose reader is in this package.
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }


class Lifeline:
    """Notices that the cluster has let the session down.

    Spark does not say so itself: work for which there is no executor waits for ever. That is so when no worker has a
    core free, and after a master without recovery came back, which does not know the application any more.
    """

    def __init__(self, spark: SparkSession) -> None:
        # An "executor" of local[N] is the driver itself: there is nothing to watch.
        self._is_watched = is_cluster(spark.sparkContext.master or "")
        self._context: Any = spark.sparkContext
        self._lonely_since: float | None = None

    def check(self, is_at_work: bool) -> float:
        """To be called again and again, with whether there is work for Spark right now.

        Returns how many executors there are, the driver being none of them; NaN on local[N]. Raises SparkLost.
        """
        if not self._is_watched:
            return math.nan
        executors = self._executors()
        now = time.monotonic()
        if executors or not is_at_work:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = now
        elif now - self._lonely_since > PATIENCE_SECONDS:
            msg = (
                f"Spark has had no executor for {PATIENCE_SECONDS:.0f} s, and there is work for one:"
                f" no worker of {self._context.master} has a core and BIKEWIRE_SPARK_EXECUTOR_MEMORY to give."
            )
            raise SparkLost(msg)
        return executors

    async def hold(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What the work gives, which is at work in Spark all the time. Raises what it raises, and SparkLost."""
        working, watching = asyncio.create_task(work), asyncio.create_task(self._watch())
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        ended, other = (working, watching) if working.done() else (watching, working)
        other.cancel()
        await asyncio.wait({other})
        return await ended

    async def _watch(self) -> NoReturn:
        while True:
            await asyncio.to_thread(self.check, True)
            await asyncio.sleep(LOOK_SECONDS)

    def _executors(self) -> int:
        context = self._context._jsc  # noqa: SLF001  # PySpark's only way
        if context is None or context.sc().isStopped():
            msg = "The Spark master has removed the application."
            raise SparkLost(msg)
        return int(context.sc().getExecutorMemoryStatus().size()) - 1
