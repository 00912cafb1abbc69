"""The stream: one Spark query that keeps the store as new as the log."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anyio.from_thread import BlockingPortal

from pipeline.decode import decoded
from pipeline.instruments import StreamInstruments
from pipeline.model import NetworkStatus, Topic, encode
from pipeline.ports import Consumed, Log, LogRecord, Offsets, Store, StoreError
from pipeline.results import TOPICS, Results, read_results, results_of
from pipeline.settings import Settings
from pipeline.spark import generate_code, parallelism
from pipeline.tables import Table
from pipeline.torn_polls import TornPolls

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

logger = logging.getLogger(__name__)

JOB = "stream"

SMALL_RECORDS = 20_000
"""A micro-batch after one with fewer records than this is worked on in one piece, without a shuffle."""

COMPILED_RECORDS = 3_000
"""From so many records on code that was generated for a large micro-batch before is worth using: it takes half the
time. Generating and compiling it takes as long as 100,000 records."""

SLOW_SECONDS = 5.0
"""A micro-batch that takes longer is worth a line in the log."""


_EMPTY_LOG = (
    "CAST(NULL AS binary) AS value",
    "'none' AS topic",
    "0 AS partition",
    "id AS offset",
    "now() AS timestamp",
)


class Stream:
    """Reads the log from where the store says that it was left, and writes every result with the new place.

    What a micro-batch makes is upserted in one write with its offsets, and depends on its records alone: killed
    at any moment and started again it leaves the same rows. Totals are published before that write: after a crash
    a poll's totals may be in the log twice, never not at all.
    """

    def __init__(self, spark: SparkSession, settings: Settings, log: Log, store: Store, portal: BlockingPortal) -> None:
        # Its settings are not those of the work in the background.
        self._spark = spark.newSession()
        self._settings = settings
        self._log = log
        self._store = store
        self._portal = portal
        self._parts = parallelism(settings)
        self._torn = TornPolls(log)
        self._is_small = False
        self._is_compiled = False
        self._query: StreamingQuery | None = None
        self._busy_since: float | None = None
        self._writing: Future[None] | None = None
        self.instruments = StreamInstruments(log.trailing_offsets)
        self.consumed: Offsets = {}
        self.records = 0
        self.failure: Exception | None = None

    @property
    def busy_seconds(self) -> float:
        """How long the micro-batch at work has been at it; 0 when there is none."""
        since = self._busy_since
        return time.monotonic() - since if since is not None else 0.0

    def start(self, *, available_now: bool = False) -> StreamingQuery:
        """Start the query; with ``available_now`` it ends by itself at what is the log's end now."""
        checkpoint = self._settings.data / "checkpoints" / JOB
        # The store's offsets are the only truth; a checkpoint that disagrees could only do harm.
        shutil.rmtree(checkpoint, ignore_errors=True)
        self._abandon()
        self.consumed = offsets = self._portal.call(self._store.offsets, JOB)
        self.failure = None
        self._torn.clear()
        ends = self._portal.call(self._log.end_offsets, TOPICS)
        self._is_small = sum(end - offsets.get(place, 0) for place, end in ends.items()) < SMALL_RECORDS
        self._is_compiled = not self._is_small
        generate_code(self._spark, self._is_compiled)
        for cut in self._portal.call(self._log.steps, TOPICS, offsets):
            self._take(decoded(self._log.frame(self._spark, TOPICS, offsets, cut), TOPICS))
            offsets = {**offsets, **cut}
        frames = decoded(self._log.stream(self._spark, TOPICS, offsets), TOPICS)
        writer = frames.writeStream.queryName(JOB).option("checkpointLocation", str(checkpoint))
        if available_now:
            writer = writer.trigger(availableNow=True)
        self._query = writer.foreachBatch(lambda batch, _: self._take(batch)).start()
        return self._query

    def finish(self) -> None:
        """Take the polls that wait for something as they are; to be called when a query has ended at the log's end."""
        if self._torn:
            self._keep(self._torn.release(self._computed(self._torn.first_parts(self._spark, TOPICS))))
        self._settle()

    def warm_up(self) -> None:
        """Compute the results of nothing, so that the classes they need are loaded while the query starts."""
        nothing = decoded(self._spark.range(1).selectExpr(*_EMPTY_LOG), TOPICS).coalesce(1)
        results_of(nothing.localCheckpoint(eager=False), self._settings.thresholds).toArrow()

    def stop(self) -> None:
        """Stop the query; the micro-batch at work is left undone."""
        if self._query is not None:
            self._query.stop()

    def is_idle(self) -> bool:
        """Whether the query waits for new records."""
        return self._query is not None and self._query.status["message"] == "Waiting for data to arrive"

    def _take(self, batch: DataFrame) -> None:
        self._busy_since = started = time.monotonic()
        try:
            results = self._results(batch)
            if results.records:
                self._keep(results)
                self._generate(batch.sparkSession, results.records)
                self.instruments.batch_seconds.observe(time.monotonic() - started)
                self._tell(results, time.monotonic() - started)
        except Exception as error:
            # Spark would wrap it in pages of traces of two languages.
            self.failure = error
            raise
        finally:
            self._busy_since = None

    def _generate(self, spark: SparkSession, records: int) -> None:
        """Let the next micro-batch, which is likely to be about as large, be worked on as fast as it can be."""
        least = COMPILED_RECORDS if self._is_compiled else SMALL_RECORDS
        self._is_compiled = self._is_compiled or records >= least
        generate_code(spark, records >= least)

    def _results(self, batch: DataFrame) -> Results:
        if self._torn:
            batch = batch.unionByName(self._torn.first_parts(batch.sparkSession, TOPICS))
        results = self._computed(batch)
        return results if self._log.streams_whole_publishes else self._torn.hold(results)

    def _computed(self, batch: DataFrame) -> Results:
        thresholds, find_torn = self._settings.thresholds, not self._log.streams_whole_publishes
        if self._is_small:
            # Kept as it is, with no plan behind it: what reads it three times is then planned in two thirds of the
            # time. Spark drops it once nobody refers to it.
            batch = batch.coalesce(1).localCheckpoint(eager=False)
            return read_results(results_of(batch, thresholds, find_torn=find_torn).toArrow())
        # One shuffle, after which every poll is in one place, serves all that follows.
        batch = batch.repartition(self._parts, "system_id", "polled_at").persist()
        try:
            return read_results(results_of(batch, thresholds, find_torn=find_torn).toArrow())
        finally:
            batch.unpersist()

    def _keep(self, results: Results) -> None:
        """Write the results; of a backlog, while the next micro-batch is computed."""
        self._settle()
        self._is_small = results.records < SMALL_RECORDS
        self._writing = self._portal.start_task_soon(self._write, results)
        if self._is_small or self._records_after(results) < SMALL_RECORDS:
            self._settle()

    def _records_after(self, results: Results) -> int:
        ends = self._portal.call(self._log.end_offsets, TOPICS)
        return sum(max(end - results.offsets.get(place, end), 0) for place, end in ends.items())

    async def _write(self, results: Results) -> None:
        for system_id, records in _by_system(results.networks).items():
            await self._log.publish(system_id, records)
        with self.instruments.store_errors.count_exceptions(StoreError):
            await self._store.write(results.rows, Consumed(JOB, results.offsets))
        self.consumed = {**self.consumed, **results.offsets}
        self.records += results.records
        self.instruments.records.inc(results.records)

    def _settle(self) -> None:
        """Returns when what was last to be written is; raises what went wrong with it."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _abandon(self) -> None:
        """Wait for the last write of a query that has ended, whatever becomes of it: the store says how far it came."""
        with suppress(Exception):
            self._settle()

    def _tell(self, results: Results, seconds: float) -> None:
        for topic, count, example in results.refused:
            logger.warning("stream %s: %d values left out; one: %s", topic, count, example)
        age = (datetime.now(UTC) - results.appended_at).total_seconds() if results.appended_at else 0.0
        logger.log(
            logging.INFO if seconds > SLOW_SECONDS else logging.DEBUG,
            "stream: %d records, %s in %.3f s, %.3f s after they were in the log",
            results.records,
            _counts(results.rows),
            seconds,
            age,
        )


def _by_system(networks: Sequence[NetworkStatus]) -> dict[str, list[LogRecord]]:
    records: dict[str, list[LogRecord]] = {}
    for network in networks:
        record = LogRecord(Topic.NETWORK_STATUS, network.key, encode(network))
        records.setdefault(network.system_id, []).append(record)
    return records


def _counts(rows: Mapping[Table, Sequence[object]]) -> str:
    return ", ".join(f"{len(given)} {table.name}" for table, given in rows.items()) or "no rows"
