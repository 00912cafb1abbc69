"""Episodes: stretches of one day in which a station was seen empty, or full, without a gap."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.pieces import cut
from pipeline.runs import STATION, in_order

KINDS = ("empty", "full")


def episodes(runs: DataFrame, day: DataFrame) -> DataFrame:
    """The episodes of the day: system_id, station_id, episode, seen (its start), episode_micros, is_censored.

    ``day`` is one row of `pipeline.pieces.span_rows`. An episode is cut off where it is not known how it went on: at
    the day's edges, at gaps, and at the moment of the computation. It lasted at least as long as it was seen then.
    """
    ordered = runs.withColumn("goes_on", F.coalesce(F.lead("continues").over(in_order()), F.lit(False)))
    return reduce(DataFrame.unionByName, (_of_kind(ordered, day, kind) for kind in KINDS))


def _of_kind(runs: DataFrame, day: DataFrame, kind: str) -> DataFrame:
    is_kind = f"is_{kind}"
    is_first = ~(F.col("continues") & F.coalesce(F.lag(is_kind).over(in_order()), F.lit(False)))
    numbered = (
        runs.withColumn("is_first", is_first)
        .withColumn("number", F.sum((F.col(is_kind) & F.col("is_first")).cast("int")).over(in_order()))
        .where(is_kind)
    )
    whole = numbered.groupBy(*STATION, "number").agg(
        F.min("seen").alias("seen"),
        F.max("unseen").alias("unseen"),
        F.min_by("continues", "seen").alias("begin_known"),
        F.max_by("goes_on", "seen").alias("end_known"),
    )
    is_censored = F.expr("NOT begin_known OR NOT end_known OR seen < begins OR unseen >= ends")
    return cut(whole, day).select(
        *STATION,
        F.lit(kind).alias("episode"),
        F.expr("greatest(seen, begins)").alias("seen"),
        F.col("micros").alias("episode_micros"),
        is_censored.alias("is_censored"),
    )
