"""Stretches of time: the spans to make figures of, and for how long each poll was the newest knowledge.

Times are microseconds since 1970 while they are computed with: whole numbers, hence exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from pipeline.network import VEHICLE_FEEDS

POLL = ["system_id", "polled_at"]

STATIONS = "station_status"
VEHICLES = "vehicle_status"
"""The kinds of polls, by the feed that observes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_SPANS = pa.schema({name: pa.int64() for name in ("span", "begins", "ends", "span_micros", "elapsed_micros")})


LONGEST_HOLD = timedelta(days=1)
"""No observation is trusted for longer."""


class Span(NamedTuple):
    """A stretch of time to make figures of, from ``start`` up to and without ``end``: an hour, or a day."""

    start: datetime
    end: datetime


def span_rows(spark: SparkSession, spans: Sequence[Span], until: datetime) -> DataFrame:
    """The spans as rows, ``span`` being the place in the sequence; what comes after ``until`` is cut off.

    ``begins`` and ``ends`` are microseconds since 1970, ``span_micros`` is the length of the whole span and
    ``elapsed_micros`` of what is left of it.
    """
    rows = [
        {
            "span": place,
            "begins": micros(span.start),
            "ends": micros(min(span.end, until)),
            "span_micros": micros(span.end) - micros(span.start),
            "elapsed_micros": micros(min(span.end, until)) - micros(span.start),
        }
        for place, span in enumerate(spans)
    ]
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=_SPANS))


def polls(feed_statuses: DataFrame) -> DataFrame:
    """For each poll that observed stations, or vehicles, when it was the newest knowledge of them.

    It was from ``seen`` to ``unseen``: it holds until the next one of its ``kind`` (`STATIONS`, `VEHICLES`) in its
    system, and for its ``hold_seconds`` at most, also when it found none. Of a poll that was published more than once
    the newest publish says how long. Columns: kind, system_id, polled_at, seen, unseen, hold_seconds, expected and
    entities (how many were declared and found), and number: unlike that of all others of its kind, and one more than
    that of another just when that one held until this one.
    """
    kind = F.when(F.col("feed") == STATIONS, STATIONS).when(F.col("feed").isin(*VEHICLE_FEEDS), VEHICLES)
    found = (
        feed_statuses.withColumn("kind", kind)
        .where("kind IS NOT NULL AND is_observing")
        .groupBy("kind", *POLL)
        .agg(
            F.least(F.max_by("hold_seconds", "offset"), F.lit(LONGEST_HOLD.total_seconds())).alias("hold_seconds"),
            F.max_by("entities_expected", "offset").alias("expected"),
            F.max_by("entities", "offset").alias("entities"),
        )
        .withColumn("seen", F.unix_micros("polled_at"))
    )
    in_system, in_all = Window.partitionBy("kind", "system_id").orderBy("seen"), Window.partitionBy("kind")
    expires = F.expr("seen + CAST(round(hold_seconds * 1000000) AS LONG)")
    held = found.withColumn("unseen", F.least(F.lead("seen").over(in_system), expires))
    step = F.when(F.lag("unseen").over(in_system) == F.col("seen"), 1).otherwise(2)
    number = F.sum("step").over(in_all.orderBy("system_id", "seen"))
    columns = ("kind", *POLL, "seen", "unseen", "hold_seconds", "expected", "entities")
    return held.withColumn("step", step).select(*columns, number.alias("number"))


def of_kind(found: pa.Table, kind: str) -> pa.Table:
    """The polls of one kind, without saying so."""
    return found.filter(pc.equal(found["kind"], pa.scalar(kind))).drop_columns(["kind"])


def reaching(found: DataFrame, begins: datetime, ends: datetime) -> DataFrame:
    """The polls that hold into a stretch of time, or up to the moment when it begins."""
    return found.where(f"seen < {micros(ends)} AND unseen >= {micros(begins)}")


def cut(stretches: DataFrame, spans: DataFrame) -> DataFrame:
    """Each stretch from ``seen`` to ``unseen`` over each span that it reaches into, for so many ``micros`` of it."""
    return stretches.join(
        F.broadcast(spans), on=F.expr("seen < ends AND unseen > begins AND begins < ends"), how="inner"
    ).withColumn("micros", F.expr("least(unseen, ends) - greatest(seen, begins)"))


def within(events: DataFrame, spans: DataFrame) -> DataFrame:
    """Each event at ``seen`` in each span that it lies in."""
    return events.join(F.broadcast(spans), on=F.expr("seen >= begins AND seen < ends"), how="inner")


def micros(instant: datetime) -> int:
    """Microseconds since 1970; exact, unlike ``timestamp()``."""
    return (instant - _EPOCH) // _MICROSECOND
