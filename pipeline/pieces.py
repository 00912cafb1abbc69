"""Observations to pieces: for how long each poll was the newest knowledge, cut to the hours and the day it falls in.

All stations of a poll hold over the same time, so the cutting is done once per poll, and the many records only join
their poll's pieces. Times are microseconds since 1970 while they are computed with: whole numbers, hence exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

POLL = ["system_id", "polled_at"]
STATION = ["system_id", "station_id"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_SPANS = pa.schema({name: pa.int64() for name in ("span", "begins", "ends", "span_micros")})

# What a station's state counts as; a null count meets no condition.
_CONDITIONS = {
    "is_empty": "is_installed AND is_renting AND coalesce(bikes = 0, false)",
    "is_full": "is_installed AND is_returning AND coalesce(docks = 0, false)",
    "is_closed": "NOT is_installed OR NOT (is_renting OR is_returning)",
}

# Feeds leave the disabled ones out when they have none; without bikes or docks the sum is unknown.
_CAPACITY_SEEN = "bikes + docks + coalesce(bikes_disabled, 0) + coalesce(docks_disabled, 0)"


class Span(NamedTuple):
    """A stretch of time to make figures of, from ``start`` up to and without ``end``: an hour, or a day."""

    start: datetime
    end: datetime


def span_rows(spark: SparkSession, spans: Sequence[Span], until: datetime) -> DataFrame:
    """The spans as rows, ``span`` being the place in the sequence; what comes after ``until`` is cut off.

    ``begins`` and ``ends`` are microseconds since 1970, ``span_micros`` is the length of the whole span.
    """
    rows = [
        {
            "span": place,
            "begins": micros(span.start),
            "ends": micros(min(span.end, until)),
            "span_micros": micros(span.end) - micros(span.start),
        }
        for place, span in enumerate(spans)
    ]
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=_SPANS))


def observing_polls(feed_statuses: DataFrame) -> DataFrame:
    """The polls that observed the stations, also those that found none: system_id, polled_at, hold_seconds.

    Of a poll that was published more than once the newest publish says how long it holds.
    """
    return (
        feed_statuses.where("feed = 'station_status' AND is_observing")
        .groupBy(*POLL)
        .agg(F.max_by("hold_seconds", "offset").alias("hold_seconds"))
    )


def poll_pieces(polls: DataFrame, spans: DataFrame) -> DataFrame:
    """For each poll and span the time in which the poll was the newest knowledge, where there is any.

    A poll holds until the next one of its system, and for its ``hold_seconds`` at most. Columns: system_id,
    polled_at, span, micros, span_micros, hold_seconds, and is_polled_here: the poll itself lies in the span.
    """
    seen = F.unix_micros("polled_at")
    following = F.lead(seen).over(Window.partitionBy("system_id").orderBy("polled_at"))
    expires = seen + F.expr("CAST(round(hold_seconds * 1000000) AS LONG)")
    held = polls.select("*", seen.alias("seen"), F.least(following, expires).alias("unseen"))
    return (
        held.join(F.broadcast(spans), on=F.expr("seen < ends AND unseen > begins"), how="inner")
        .withColumn("micros", F.expr("least(unseen, ends) - greatest(seen, begins)"))
        .where("micros > 0")
        .select(
            *POLL, "span", "micros", "span_micros", "hold_seconds", F.expr("seen >= begins").alias("is_polled_here")
        )
    )


def distinct_observations(station_statuses: DataFrame) -> DataFrame:
    """One row per station and poll: of a poll that was published more than once the newest publish counts.

    Columns: system_id, station_id, polled_at, bikes, docks, capacity_seen, is_empty, is_full, is_closed.
    """
    conditions = [F.expr(condition).alias(name) for name, condition in _CONDITIONS.items()]
    rows = station_statuses.select(
        *STATION, "polled_at", "offset", "bikes", "docks", F.expr(_CAPACITY_SEEN).alias("capacity_seen"), *conditions
    )
    # By station, not by station and poll: what is grouped by station later needs no second shuffle then. The session
    # shuffles into one part, which suits a micro-batch; a day has work for every core.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    newest_first = Window.partitionBy(*STATION).orderBy("polled_at", F.desc("offset"))
    return (
        rows.repartition(cores, *STATION)
        .withColumn("row_before", F.lag("polled_at").over(newest_first))
        .where("row_before IS NULL OR row_before <> polled_at")
        .select(*STATION, "polled_at", "bikes", "docks", "capacity_seen", *_CONDITIONS)
    )


def station_pieces(observations: DataFrame, pieces: DataFrame) -> DataFrame:
    """Each observation over each piece of its poll: the columns of both."""
    return observations.join(F.broadcast(pieces), on=POLL, how="inner")


def network_pieces(observations: DataFrame, pieces: DataFrame) -> DataFrame:
    """The sums over the stations of each poll, over each piece of the poll.

    Columns: those of ``pieces``, stations, bikes, docks, stations_empty, stations_full, stations_closed. A poll
    that found no station counts none of any kind, and knows of no bikes and docks.
    """
    totals = observations.groupBy(*POLL).agg(
        F.count("*").alias("stations"),
        F.sum("bikes").alias("bikes"),
        F.sum("docks").alias("docks"),
        F.count_if("is_empty").alias("stations_empty"),
        F.count_if("is_full").alias("stations_full"),
        F.count_if("is_closed").alias("stations_closed"),
    )
    counts = ["stations", "stations_empty", "stations_full", "stations_closed"]
    return pieces.join(F.broadcast(totals), on=POLL, how="left").fillna(0, subset=counts)


def micros(instant: datetime) -> int:
    """Microseconds since 1970; exact, unlike ``timestamp()``."""
    return (instant - _EPOCH) // _MICROSECOND
