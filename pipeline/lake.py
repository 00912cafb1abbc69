"""The lake: every record ever seen, typed, in Parquet files by topic, system, UTC date and hour of its poll.

    LAKE/<topic>/system_id=<quoted id>/date=YYYY-MM-DD/hour=HH/<start>-<end>.parquet

A file holds the records of one hour out of one range of the log, start and end being the range's offsets; they are
sorted by station (vehicle, feed) and time, with the columns of `pipeline.decode.columns`. Late or replayed records
come in a later range, and so in a file of their own beside the first. The table lake_hour keeps when records last came
into each hour.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from pipeline.decode import ENTITY, columns, records
from pipeline.model import Topic
from pipeline.ports import BikewireError, Consumed, Log, Offsets, Row, Store, TopicPartition
from pipeline.results import TOPICS
from pipeline.spark import in_background
from pipeline.tables import LAKE_HOUR

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JOB = "lake"
INTENT = "lake-intent"

HOUR = timedelta(hours=1)

_FILES = {
    "compression": "zstd",
    # Whole numbers are written as differences: else the offsets alone are two thirds of a file.
    "parquet.writer.version": "v2",
    # An hour of a city is some kilobytes: what is told of all its columns would weigh as much as their values.
    "parquet.column.statistics.enabled": "false",
    "parquet.column.statistics.enabled#polled_at": "true",
}

_STAGING = "_staging"
_PARTS = ("_system", "_date", "_hour", "_partition")


class LakeError(BikewireError):
    """The lake could not be written; writing the same range again is safe."""


class LakeHour(NamedTuple):
    """An hour (UTC) of a system, by its start."""

    system_id: str
    start: datetime


class LakeReport(NamedTuple):
    """What was written: so many files, in so many seconds; ``hours`` says when records came into which hours."""

    files: int
    seconds: float
    hours: Mapping[LakeHour, datetime]


_NOTHING = LakeReport(0, 0.0, {})


async def advance(spark: SparkSession, log: Log, store: Store, folder: str, until: Offsets) -> LakeReport:
    """Write the log's records up to and without ``until`` that are not in the lake yet.

    The range is noted as intended before the first file is written, and as done after the last. Killed in between,
    it is the first thing that the next call writes, under the same names: nothing is lost and nothing is twice.
    """
    started = time.monotonic()
    done, intended = await store.offsets(JOB), await store.offsets(INTENT)
    report = await _write(spark, log, store, folder, done, intended) if _is_ahead(intended, done) else _NOTHING
    done = await store.offsets(JOB)
    if _is_ahead(until, done):
        await store.write({}, Consumed(INTENT, until))
        newer = await _write(spark, log, store, folder, done, _furthest(until, done))
        report = LakeReport(report.files + newer.files, 0.0, {**report.hours, **newer.hours})
    return report._replace(seconds=time.monotonic() - started)


async def _write(spark: SparkSession, log: Log, store: Store, folder: str, start: Offsets, end: Offsets) -> LakeReport:
    written = await asyncio.to_thread(write_range, spark, log, Path(folder), start, end)
    # After the last file is in its place: who looked at the lake before this instant may not have seen it.
    written_at = datetime.now(UTC)
    hours = dict.fromkeys(sorted(set(written)), written_at)
    rows: list[Row] = [{**hour._asdict(), "written_at": written_at} for hour in hours]
    await store.write({LAKE_HOUR: rows}, Consumed(JOB, end))
    return LakeReport(len(written), 0.0, hours)


def _is_ahead(offsets: Offsets, others: Offsets) -> bool:
    return any(offset > others.get(place, 0) for place, offset in offsets.items())


def _furthest(offsets: Offsets, others: Offsets) -> Offsets:
    return {place: max(offsets.get(place, 0), others.get(place, 0)) for place in offsets.keys() | others.keys()}


def write_range(spark: SparkSession, log: Log, folder: Path, start: Offsets, end: Offsets) -> list[LakeHour]:
    """Write the range's files, over those of the same names; returns the hour of each."""
    in_background(spark)
    topics = [topic for topic in TOPICS if any(place.topic == topic for place in end)]
    written = (_write_topic(log.frame(spark, (topic,), start, end), topic, folder, start, end) for topic in topics)
    return list(chain.from_iterable(written))


def _write_topic(frame: DataFrame, topic: Topic, folder: Path, start: Offsets, end: Offsets) -> list[LakeHour]:
    staging = folder / _STAGING / topic
    shutil.rmtree(staging, ignore_errors=True)
    written = _stage(records(frame, topic), topic, staging)
    files = sorted(staging.rglob("*.parquet"))
    _check_shared(folder, written, files)
    for staged in files:
        target = _target(staged.relative_to(staging), topic, folder, start, end)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)
    shutil.rmtree(staging, ignore_errors=True)
    return [_hour(staged.relative_to(staging)) for staged in files]


def _check_shared(folder: Path, written: int, files: Sequence[Path]) -> None:
    from pyarrow import parquet

    # A Spark worker with a folder of its own of that name writes into that one, and nobody complains.
    found = sum(parquet.read_metadata(file).num_rows for file in files)
    if written != found:
        msg = (
            f"BIKEWIRE_LAKE: of {written} records that Spark wrote to '{folder}', {found} are there;"
            " the folder must be the same one on this machine and on every Spark worker."
        )
        raise LakeError(msg)


def _stage(typed: DataFrame, topic: Topic, staging: Path) -> int:
    """One file for each system, hour and partition of the log; returns how many records they hold."""
    placed = typed.selectExpr(
        "*",
        "system_id AS _system",
        "date_format(polled_at, 'yyyy-MM-dd') AS _date",
        "date_format(polled_at, 'HH') AS _hour",
        "partition AS _partition",
    )
    # One task, sorted: so that an hour is in one file, and similar rows lie together (a third of the size).
    ordered = placed.coalesce(1).sortWithinPartitions(*_PARTS, ENTITY[topic], "polled_at", "offset")
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    written = Observation()
    counted = ordered.observe(written, count(lit(1)).alias("records"))
    counted.write.partitionBy(*_PARTS).options(**_FILES).parquet(str(staging))
    return int(written.get["records"])


def _hour(staged: Path) -> LakeHour:
    system_id, date, hour = (unquote(part.split("=", 1)[1]) for part in staged.parts[:3])
    return LakeHour(system_id, datetime.fromisoformat(f"{date}T{hour}:00:00+00:00"))


def _target(staged: Path, topic: Topic, folder: Path, start: Offsets, end: Offsets) -> Path:
    system_id, date, hour, partition = (unquote(part.split("=", 1)[1]) for part in staged.parts[:4])
    place = TopicPartition(topic, int(partition))
    # Ranges of different partitions may have the same offsets; a system's records are all in one.
    prefix = "" if place.partition == 0 else f"{partition}-"
    name = f"{prefix}{start.get(place, 0)}-{end[place]}.parquet"
    return _system_folder(folder, topic, system_id) / f"date={date}" / f"hour={hour}" / name


def _system_folder(folder: Path, topic: Topic, system_id: str) -> Path:
    return folder / topic / f"system_id={quote(system_id, safe='')}"


def read(spark: SparkSession, folder: str, topic: Topic, system_id: str, start: datetime, end: datetime) -> DataFrame:
    """The system's records with start <= polled_at < end, in no order: the columns of `pipeline.decode.columns`.

    Opens the folders of these hours and no others, so it takes no longer when the lake is years old. A poll that
    the log holds twice comes twice, with different offsets.
    """
    schema = ", ".join(f"{name} {kind}" for name, kind in columns(topic).items())
    # Files by name: with folders Spark would take date and hour for columns.
    found = files(folder, topic, system_id, start, end)
    if not found:
        return spark.createDataFrame([], schema)
    lower, upper = (f"TIMESTAMP '{edge.astimezone(UTC).isoformat()}'" for edge in (start, end))
    return spark.read.schema(schema).parquet(*found).where(f"polled_at >= {lower} AND polled_at < {upper}")


def files(folder: str, topic: Topic, system_id: str, start: datetime, end: datetime) -> list[str]:
    """The files of the hours from ``start`` up to and without ``end``: they hold all records of that time, and more."""
    hours = _system_folder(Path(folder), topic, system_id)
    return [str(file) for hour in _hours(start, end) for file in sorted((hours / hour).glob("*.parquet"))]


def _hours(start: datetime, end: datetime) -> Iterator[Path]:
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield Path(f"date={hour:%Y-%m-%d}") / f"hour={hour:%H}"
        hour += HOUR
