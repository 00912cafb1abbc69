"""Observations of stations, and runs: how long a station was seen in the same state, poll after poll, without a gap.

Few of a day's records say anything new, so all that is summed over time is summed over runs. Times are microseconds
since 1970.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from pipeline.conditions import is_empty, is_full
from pipeline.model import Thresholds
from pipeline.pieces import POLL

STATION = ["system_id", "station_id"]


STATE = ["bikes", "docks", "bikes_disabled", "docks_disabled", "is_installed", "is_renting", "is_returning"]
"""What of a record tells one state from another; with it goes how long it is trusted."""

MOST_SERVED = 5
"""The service level is exact for thresholds up to this; greater counts are told apart no more."""

# Feeds leave the disabled ones out when they have none; without bikes or docks the sum is unknown.
_CAPACITY_SEEN = "bikes + docks + coalesce(bikes_disabled, 0) + coalesce(docks_disabled, 0)"


def conditions(thresholds: Thresholds) -> dict[str, str]:
    """What a station's state counts as; a null count meets no condition."""
    few_bikes, few_docks = thresholds.nearly_empty, thresholds.nearly_full
    return {
        "is_empty": f"coalesce({is_empty()}, false)",
        "is_full": f"coalesce({is_full()}, false)",
        "is_nearly_empty": f"coalesce(is_installed AND is_renting AND bikes BETWEEN 1 AND {few_bikes}, false)",
        "is_nearly_full": f"coalesce(is_installed AND is_returning AND docks BETWEEN 1 AND {few_docks}, false)",
        "is_closed": "NOT is_installed OR NOT (is_renting OR is_returning)",
    }


_SERVED = {
    "bikes_served": f"IF(is_installed AND is_renting, IF(bikes IS NULL, -1, least(bikes, {MOST_SERVED})), 0)",
    "docks_served": f"IF(is_installed AND is_returning, IF(docks IS NULL, -1, least(docks, {MOST_SERVED})), 0)",
}
"""How many bikes there are to rent and docks to return to; -1 when nobody knows."""


def in_order() -> WindowSpec:
    """The rows of one station, by ``seen``. (Made when it is needed: Spark makes none before there is a session.)"""
    return Window.partitionBy(*STATION).orderBy("seen")


def observations(station_statuses: DataFrame, polls: DataFrame) -> DataFrame:
    """One row per station and observing poll: of a poll that was published more than once the newest publish counts.

    Columns: system_id, station_id, those of ``polls`` (the stations' of `pipeline.pieces.polls`) and the state.
    """
    rows = station_statuses.select(*STATION, "polled_at", "offset", *STATE)
    # By station, not by station and poll: what is grouped by station later needs no second shuffle then. The session
    # shuffles into one part, which suits a micro-batch; a day has work for every core.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    newest_first = Window.partitionBy(*STATION).orderBy("polled_at", F.desc("offset"))
    return (
        rows.repartition(cores, *STATION)
        .withColumn("row_before", F.lag("polled_at").over(newest_first))
        .where("row_before IS NULL OR row_before <> polled_at")
        .drop("row_before", "offset")
        .join(F.broadcast(polls.drop("expected", "entities")), on=POLL, how="inner")
    )


def runs(observed: DataFrame, thresholds: Thresholds) -> DataFrame:
    """The runs of each station, from ``seen`` to ``unseen``.

    Columns: system_id, station_id, seen, unseen, hold_seconds, the state, capacity_seen, the conditions, bikes_served
    and docks_served, and continues: whether the run before it held until this one began.
    """
    state = F.struct(*STATE, "hold_seconds")
    continues = F.lag("polled_at").over(in_order()).eqNullSafe(F.col("before")) & F.col("before").isNotNull()
    numbered = (
        observed.withColumn("continues", continues)
        .withColumn("begins_run", ~F.col("continues") | ~F.lag(state).over(in_order()).eqNullSafe(state))
        .withColumn("run", F.sum(F.col("begins_run").cast("int")).over(in_order()))
    )
    found = numbered.groupBy(*STATION, "run").agg(
        F.min("seen").alias("seen"),
        F.max("unseen").alias("unseen"),
        F.first("hold_seconds").alias("hold_seconds"),
        *(F.first(name).alias(name) for name in STATE),
        F.bool_and(F.when(F.col("begins_run"), F.col("continues"))).alias("continues"),
    )
    return found.select("*", *_judged(thresholds)).drop("run")


def _judged(thresholds: Thresholds) -> list[Column]:
    expressions = {"capacity_seen": _CAPACITY_SEEN, **conditions(thresholds), **_SERVED}
    return [F.expr(expression).alias(name) for name, expression in expressions.items()]
