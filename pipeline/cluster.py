"""A Spark standalone cluster: its masters, the settings that only it needs, and how many executors it has given.

The driver stays in this process (client mode). Executors run Spark's own expressions only, so they need neither
our code nor our libraries; of the log, only the SQLite one is read by Python on the executors, from a file that they
must have too. The lake's folder has to be the same one on every machine.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.ports import BikewireError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REACH_SECONDS = 5.0
"""How long a master may take to accept a connection."""

PATIENCE_SECONDS = 15.0
"""How long a micro-batch may wait, and then be without any executor, before the session is given up."""

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
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC",
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


def cluster_settings(settings: Settings) -> dict[str, str]:
    """The settings of Spark that only a cluster needs. Raises SparkLost."""
    found = driver_address(settings)
    return {
        **_CLUSTER,
        "spark.driver.host": settings.spark_driver_host or found,
        # A name that was given may lead here by way of a translated address, which is none of this machine's.
        "spark.driver.bindAddress": "0.0.0.0" if settings.spark_driver_host else found,
        # An application takes every core of the cluster unless told otherwise: no other would ever run.
        "spark.cores.max": str(settings.spark_cores),
        "spark.executor.memory": settings.spark_executor_memory,
        # For the SQLite log, whose reader is in this package.
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }


class Lifeline:
    """Notices that the cluster has let the session down.

    Spark does not say so itself: after a master without recovery came back, the query of an application that it does
    not know any more is active, has no exception, and waits for executors for ever.
    """

    def __init__(self, spark: SparkSession) -> None:
        # An "executor" of local[N] is the driver itself: there is nothing to watch.
        self._is_watched = is_cluster(spark.sparkContext.master or "")
        self._context: Any = spark.sparkContext
        self._lonely_since: float | None = None

    def check(self, waited_seconds: float) -> float:
        """To be called again and again, with the age of the micro-batch at work.

        Returns how many executors there are right now, the driver being none of them; NaN on local[N]. Raises
        SparkLost.
        """
        if not self._is_watched:
            return math.nan
        executors = self._executors()
        now = time.monotonic()
        if waited_seconds < PATIENCE_SECONDS or executors:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = now
        elif now - self._lonely_since > PATIENCE_SECONDS:
            msg = f"A micro-batch has waited for {waited_seconds:.0f} s, and Spark has no executor for it."
            raise SparkLost(msg)
        return executors

    def _executors(self) -> int:
        context = self._context._jsc  # noqa: SLF001  # PySpark's only way
        if context is None or context.sc().isStopped():
            msg = "The Spark master has removed the application."
            raise SparkLost(msg)
        return int(context.sc().getExecutorMemoryStatus().size()) - 1
