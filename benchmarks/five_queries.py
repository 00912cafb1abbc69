"""A default-configured job with five queries, fed by the same log: what most first streaming jobs look like.

Two queries keep state (totals per poll and the latest of each station, both with a watermark), three do not; each reads
the log for itself, with Spark's own settings: 200 shuffle partitions, the default checkpoint files, adaptive planning.
Each writes its rows to the same store as ours, so that the sinks cost the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from anyio.from_thread import BlockingPortal
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipeline.decode import FIELDS, records
from pipeline.model import Topic
from pipeline.ports import Log, Store
from pipeline.tables import FEED_LATEST, NETWORK_HISTORY, STATION_HISTORY, STATION_LATEST, VEHICLE_LATEST, Table

DEFAULTS = {
    "spark.sql.shuffle.partitions": "200",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileContextBasedCheckpointFileManager"
    ),
    "spark.sql.streaming.checkpoint.fileChecksum.enabled": "true",
    "spark.sql.streaming.pollingDelay": "10ms",
    "spark.sql.streaming.minBatchesToRetain": "100",
}


class FiveQueries:
    """The job; `start` it, and `stop` it."""

    def __init__(self, spark: SparkSession, log: Log, store: Store, portal: BlockingPortal, checkpoints: Path) -> None:
        self._spark = spark.newSession()
        for name, value in DEFAULTS.items():
            self._spark.conf.set(name, value)
        self._log = log
        self._store = store
        self._portal = portal
        self._checkpoints = checkpoints
        self._queries: list[StreamingQuery] = []

    def start(self) -> None:
        stations, vehicles, feeds = (
            self._records(topic) for topic in (Topic.STATION_STATUS, Topic.VEHICLE_STATUS, Topic.FEED_STATUS)
        )
        self._write(_totals(stations), NETWORK_HISTORY)
        self._write(_latest(stations), STATION_LATEST)
        changes = stations.where("changed").selectExpr("*", "year(polled_at) * 100 + month(polled_at) AS month")
        self._write(changes, STATION_HISTORY)
        self._write(vehicles, VEHICLE_LATEST)
        self._write(feeds, FEED_LATEST)

    def stop(self) -> None:
        for query in self._queries:
            query.stop()

    def check(self) -> None:
        """Raises what ended a query."""
        for query in self._queries:
            error = query.exception()
            if error is not None:
                raise error

    def _records(self, topic: Topic) -> DataFrame:
        return records(self._log.stream(self._spark, (topic,), {}), topic)

    def _write(self, frame: DataFrame, table: Table) -> None:
        wanted = frame.select(*(name for name in table.columns if name in frame.columns))
        checkpoint = str(self._checkpoints / table.name)
        writer = wanted.writeStream.outputMode("update").option("checkpointLocation", checkpoint)
        self._queries.append(writer.foreachBatch(partial(self._keep, table)).start())

    def _keep(self, table: Table, batch: DataFrame, _: int) -> None:
        rows = batch.toArrow().to_pylist()
        if rows:
            self._portal.call(self._store.write, {table: rows})


def _totals(stations: DataFrame) -> DataFrame:
    counts = [field.name for field in FIELDS[Topic.NETWORK_STATUS] if field.name in {"bikes", "docks"}]
    sums = {name: "sum" for name in counts}
    totals = stations.withWatermark("polled_at", "10 minutes").groupBy("system_id", "polled_at").agg(sums)
    return totals.selectExpr(
        "system_id", "polled_at", "to_date(polled_at) AS day", *(f"`sum({name})` AS {name}" for name in counts)
    )


def _latest(stations: DataFrame) -> DataFrame:
    fields = ", ".join(field.name for field in FIELDS[Topic.STATION_STATUS] if field.name not in {"system_id"})
    newest = stations.selectExpr("system_id", "station_id AS station", "polled_at", f"struct({fields}) AS status")
    grouped = newest.groupBy("system_id", "station").agg({"status": "max"})
    return grouped.selectExpr("system_id", "`max(status)`.*")


def deadline(condition: Callable[[], bool], seconds: float, check: Callable[[], None]) -> float:
    """How long the condition took to come true; raises TimeoutError, or what ``check`` raises."""
    started = time.perf_counter()
    while not condition():
        check()
        if time.perf_counter() - started > seconds:
            raise TimeoutError
        time.sleep(0.004)
    return time.perf_counter() - started
