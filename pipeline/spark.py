"""The Spark session: every setting of Spark that Bikewire changes, each with its reason beside it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.class_archive import archive_path, cache_folder, session_options
from pipeline.cluster import SparkLost, cluster_settings, is_cluster
from pipeline.java import find_java
from pipeline.memory import memory_limit
from pipeline.ports import STEP_SETTING
from pipeline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BACKGROUND_POOL = "background"
"""The scheduler pool of work that must not hold up the stream (lake, figures of the day)."""

_PACKAGE = Path(__file__).resolve().parent

SQL = {
    # UTC inside, local at the edges; else Spark reads and shows times in the machine's zone.
    "spark.sql.session.timeZone": "UTC",
    # A micro-batch is a poll: the default 200 partitions make a stateful trigger take 4 s instead of 0.2 s.
    "spark.sql.shuffle.partitions": "1",
    # Re-planning between stages costs more than it can win on batches of a few thousand rows.
    "spark.sql.adaptive.enabled": "false",
    # The call site of each expression is looked up for error messages, at a cost on every micro-batch's plan.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Figures collect the episodes of each station and hour; the default of 128 such groups sorts all that is left.
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "100000",
    # Spark still writes times as INT96, which says neither that they are UTC nor has statistics to skip by.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A day of the lake is some dozens of files: listed here at once, not by a job with a task for each.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}

STREAMING = {
    # The default manager forks a `readlink` and a `chmod` for every file, 90 ms a micro-batch; this one renames.
    # Safe with one writer on a local disk, and the checkpoint is thrown away at every start anyhow.
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
    "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
    # How often the log is asked for news: the default 10 ms keeps a core 20 % busy, 50 ms about 4 %.
    "spark.sql.streaming.pollingDelay": "50ms",
    # The store knows how far the stream is; the checkpoint's past is never read.
    "spark.sql.streaming.minBatchesToRetain": "2",
    "spark.sql.streaming.numRecentProgressUpdates": "5",
}

_PROCESS = {
    # Over TCP a Python worker's first answer waits for a delayed ACK: 40-50 ms of every micro-batch.
    "spark.python.unix.domain.socket.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Without a UI nobody looks at finished jobs, yet Spark keeps 1,000 of each in memory.
    "spark.ui.retainedJobs": "10",
    "spark.ui.retainedStages": "10",
    "spark.ui.retainedTasks": "100",
    "spark.sql.ui.retainedExecutions": "5",
    # Spark drops kept micro-batches when Java's collector finds them unused; by default it looks every 30 minutes.
    "spark.cleaner.periodicGC.interval": "10min",
    # A day's figures are some 200 generated classes and a micro-batch some dozens: of the 100 that Spark keeps none was
    # left when it was needed again, and all were compiled anew.
    "spark.sql.codegen.cache.maxEntries": "500",
    # What one micro-batch keeps and shuffles is gone in a second: compressing it costs a tenth of a backlog's time.
    "spark.shuffle.compress": "false",
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # The figures of the day run beside the stream in a pool of their own (see fairscheduler.xml).
    "spark.scheduler.mode": "FAIR",
    "spark.scheduler.allocation.file": (_PACKAGE / "fairscheduler.xml").as_uri(),
}

_LOCAL = {
    # A laptop's host name often does not resolve, or to an address that a VPN takes away.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

_JVM = [
    # Starts faster and holds less memory than G1 with its helper threads.
    "-XX:+UseSerialGC",
    # Forking a big JVM is slow; posix_spawn-like launching is not.
    "-Djdk.lang.Process.launchMechanism=VFORK",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:ReservedCodeCacheSize=96m",
    "-XX:MaxDirectMemorySize=128m",
    # The JVM warns on standard output, e.g. when a class archive does not fit: harmless, and not ours to show.
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    f"-Dlog4j2.configurationFile={(_PACKAGE / 'log4j2.properties').as_uri()}",
]

# What a session that stays has for work that comes a poll at a time; a backlog takes all the room and both compilers.
_RESIDENT = {
    # A city's micro-batches and days need about a third of it.
    "spark.driver.memory": "512m",
    STEP_SETTING: "100000",
    # One task at a time: a second Python worker would wait for days that two read.
    "spark.python.factory.idleWorkerMaxPoolSize": "1",
    # Workers with it and without it come from two processes of 35 MB each, and data sources are read without it.
    "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false",
}

_BACKLOG = {
    # Each micro-batch is planned and compiled for anew: with 100,000 records a fifth of the processor time.
    STEP_SETTING: "250000",
}

_BACKLOG_MEGABYTES = (1024, 2048)
"""The least heap and the most: a day of ten million records takes a sixth longer in the least."""

# With the first compiler only, a start takes half the processor time, and a long backlog 2.5 times as much.
_QUICK_COMPILER = ["-XX:TieredStopAtLevel=1"]

# As large as what lives in it and a bit more: the defaults begin at a 64th of the machine's memory.
_SMALL_HEAP = ["-Xmn32m", "-Xms112m", "-XX:MinHeapFreeRatio=15", "-XX:MaxHeapFreeRatio=40"]


def session(settings: Settings, app_name: str, *, is_long: bool = False) -> SparkSession:
    """This process's Spark session, started if there is none; ``is_long`` for work that is worth compiling well.

    Raises JavaError before anything is started when there is no Java that fits, JarsError, SettingsError when
    BIKEWIRE_SPARK is no master, SparkLost when the cluster's master does not answer.
    """
    _check_master(settings.spark)
    java = find_java()
    _prepare_environment()
    from pyspark.sql import SparkSession  # takes half a second: not for those who only import this module

    archive_settings, archive_jvm = session_options(
        archive_path(cache_folder(settings.data), java, Path(os.environ["SPARK_HOME"]) / "jars")
    )
    compiler, heap, size = ([], [], backlog_size()) if is_long else (_QUICK_COMPILER, _SMALL_HEAP, _RESIDENT)
    jvm = {"spark.driver.extraJavaOptions": " ".join([*_JVM, *compiler, *heap, *archive_jvm])}
    builder = SparkSession.Builder().master(settings.spark).appName(app_name)
    place = cluster_settings(settings, compiler) if is_cluster(settings.spark) else _LOCAL
    chosen = {**SQL, **STREAMING, **_PROCESS, **place, **size, **jvm, **archive_settings, **_jars(settings)}
    for name, value in chosen.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def end(spark: SparkSession, seconds: float = 2.0) -> None:
    """End the session and its JVM; what still runs after so many seconds is ended by force.

    With 0 seconds that is at once: a cluster that is lost only makes an orderly end long and loud.
    """
    process = spark.sparkContext._gateway.proc  # type: ignore[union-attr]  # noqa: SLF001  # stop() forgets it
    if seconds:
        stopping = threading.Thread(target=spark.stop, name="spark-stop", daemon=True)
        stopping.start()
        stopping.join(seconds)
    _mute_py4j()
    if not seconds:
        process.kill()
    # PySpark leaves the JVM running until this process ends.
    process.terminate()
    try:
        process.wait(seconds / 2 or None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _mute_py4j() -> None:
    """It tells, with a trace, of every call that the JVM's end cuts off; some of that to the root logger."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_not_of_py4j)


@contextmanager
def ending(spark: SparkSession) -> Iterator[None]:
    """End the session after the block: at once when the cluster was lost, since nothing of it answers any more."""
    try:
        yield
    except BaseException as error:
        end(spark, seconds=0 if _is_lost(error) else 2)
        raise
    end(spark)


def _is_lost(error: BaseException) -> bool:
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    return group.subgroup(SparkLost) is not None


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in record.pathname


def in_background(spark: SparkSession) -> None:
    """Let the Spark jobs that this thread starts step back behind the stream's."""
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", BACKGROUND_POOL)


def generate_code(spark: SparkSession, is_worth_it: bool) -> None:
    """Whether Spark compiles code for this session's queries: for little data that takes longer than it saves."""
    spark.conf.set("spark.sql.codegen.wholeStage", is_worth_it)
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if is_worth_it else "NO_CODEGEN")


def backlog_size() -> dict[str, str]:
    """The settings for a backlog: with a quarter of the memory that this process may use, within bounds."""
    least, most = _BACKLOG_MEGABYTES
    return {**_BACKLOG, "spark.driver.memory": f"{max(least, min(most, memory_limit() // 2**20 // 4))}m"}


def parallelism(settings: Settings) -> int:
    """How many tasks run at once."""
    return settings.spark_cores if is_cluster(settings.spark) else int(re.sub(r"\D", "", settings.spark))


def _jars(settings: Settings) -> dict[str, str]:
    """What Spark needs besides its own jars, for the log that is used; to executors it hands them itself."""
    if not settings.log.startswith("kafka:"):
        return {}
    from pipeline.jars import spark_kafka_jars

    return {"spark.jars": ",".join(map(str, spark_kafka_jars()))}


def _check_master(master: str) -> None:
    if not is_cluster(master) and not re.fullmatch(r"local\[[1-9]\d*\]", master):
        msg = (
            f"BIKEWIRE_SPARK: {master!r} is no Spark master that Bikewire knows;"
            " use local[N], e.g. local[2], or spark://HOST:PORT."
        )
        raise SettingsError(msg)


def _prepare_environment() -> None:
    import pyspark

    # A SPARK_HOME from elsewhere would pair this PySpark with another Spark's jars.
    os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    # Python workers run the log's data source: they need this interpreter and this package.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Where there is a Python of this name, Spark looks for data sources in all its packages, with processes that take
    # 75 MB, half of them for ever. Ours is registered.
    os.environ["PYSPARK_DRIVER_PYTHON"] = "none"
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    folders = [str(_PACKAGE / "spark_site"), str(_PACKAGE.parent), *given]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(folders))
    # glibc gives each of the JVM's threads an arena of its own, which it never returns: 100 MB and more.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    # Else Spark looks up the host's name and warns when it does not like the answer.
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    # A first JVM only works out the command line of the second: as small and quick as can be.
    os.environ.setdefault("SPARK_LAUNCHER_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto")
