"""What was recorded, wherever it lies: in the lake, and beyond the lake's end in the log."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from pipeline import lake
from pipeline.decode import columns, records
from pipeline.model import Topic
from pipeline.ports import Log, Offsets, Store


class Past(NamedTuple):
    """The lake in ``folder``, and the log from ``start`` (where the lake ends) up to and without ``end``."""

    spark: SparkSession
    folder: str
    log: Log
    start: Offsets
    end: Offsets

    def records(self, topic: Topic, system_id: str, since: datetime, until: datetime) -> DataFrame:
        """The system's good records with since <= polled_at < until: typed as in the lake, in no order.

        A record may come twice; it has the same offset then.
        """
        stored = lake.read(self.spark, self.folder, topic, system_id, since, until)
        beyond = self.log.frame(self.spark, (topic,), self.start, self.end, partition_key=system_id)
        newest = records(beyond, topic)
        wanted = (newest.system_id == system_id) & (newest.polled_at >= since) & (newest.polled_at < until)
        names = list(columns(topic))
        return stored.select(*names).unionByName(newest.where(wanted).select(*names))


async def open_past(spark: SparkSession, folder: str, log: Log, store: Store, topics: tuple[Topic, ...]) -> Past:
    """The past as it is now."""
    # The lake's end is read before its files are: what moves from the log to the lake meanwhile is seen twice, and
    # never lost.
    start = await store.offsets(lake.JOB)
    return Past(spark, folder, log, start, await log.end_offsets(topics))
