"""Kafka as Spark reads it: the options of Spark's own source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.adapters.kafka_url import KafkaPlace
from pipeline.ports import Offsets

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_COLUMNS = ("key", "value", "topic", "partition", "offset", "timestamp", "timestampType")

_OPTIONS = {
    # A poll is there as a whole or not at all.
    "kafka.isolation.level": "read_committed",
    # With the default of 500 every micro-batch takes half a second longer.
    "kafka.fetch.max.wait.ms": "10",
    "kafka.max.poll.records": "5000",
    # One city is one partition: its backlog would else be read and decoded by a single core.
    "maxRecordsPerPartition": "25000",
    # To skip what was deleted would be a silent loss; what may be skipped is skipped in `kafka_log`, which says so.
    "failOnDataLoss": "true",
}


def stream(spark: SparkSession, place: KafkaPlace, start: Offsets) -> DataFrame:
    """A streaming frame of the topics that ``start`` names; it names every partition that there is now."""
    topics = ",".join(sorted({place.topic(name.topic) for name in start}))
    options = {"subscribe": topics, "startingOffsets": _json(place, start)}
    return _plain(spark.readStream.format("kafka").options(**_base(place), **options).load(), place)


def frame(spark: SparkSession, place: KafkaPlace, start: Offsets, end: Offsets) -> DataFrame:
    """A frame of the partitions that both name, from ``start`` up to and without ``end``."""
    partitions: dict[str, list[int]] = {}
    for topic, partition in end:
        partitions.setdefault(place.topic(topic), []).append(partition)
    options = {
        "assign": json.dumps(partitions),
        "startingOffsets": _json(place, start),
        "endingOffsets": _json(place, end),
    }
    return _plain(spark.read.format("kafka").options(**_base(place), **options).load(), place)


def _base(place: KafkaPlace) -> Mapping[str, str]:
    return {"kafka.bootstrap.servers": place.bootstrap, **_OPTIONS}


def _json(place: KafkaPlace, offsets: Offsets) -> str:
    by_topic: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        by_topic.setdefault(place.topic(topic), {})[str(partition)] = offset
    return json.dumps(by_topic)


def _plain(loaded: DataFrame, place: KafkaPlace) -> DataFrame:
    """The columns with the topics' names in the log."""
    if not place.prefix:
        return loaded.select(*_COLUMNS)
    topic = f"substring(topic, {len(place.prefix) + 1}) AS topic"
    return loaded.selectExpr(*(topic if column == "topic" else column for column in _COLUMNS))
