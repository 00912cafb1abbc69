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

    Columns: station_id, number and hold_seconds of the poll (``polls`` are the stations' of `pipeline.pieces.polls`),
    and the state. A row is as short as can be, since there is one for each record.
    """
    numbers = F.broadcast(polls.select(*POLL, "number", "hold_seconds"))
    rows = (
        station_statuses.select("station_id", *POLL, "offset", *STATE).join(numbers, on=POLL, how="inner").drop(*POLL)
    )
    # By station, not by station and poll: what is grouped by station later needs no second shuffle then. The session
    # shuffles into one part, which suits a micro-batch; a day has work for every core.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    newest_first = Window.partitionBy("station_id").orderBy("number", F.desc("offset"))
    return (
        rows.repartition(cores, "station_id")
        .withColumn("number_before", F.lag("number").over(newest_first))
        .where("number_before IS NULL OR number_before <> number")
        .drop("number_before", "offset")
    )


def runs(observed: DataFrame, polls: DataFrame, thresholds: Thresholds) -> DataFrame:
    """The runs of each station, from ``seen`` to ``unseen``, of what was ``observed`` in these ``polls``.

    Columns: system_id, station_id, seen, unseen, hold_seconds, the state, capacity_seen, the conditions, bikes_served
    and docks_served, and continues: whether the run before it held until this one began.
    """
    first = F.broadcast(polls.select("number", "system_id", "seen"))
    last = F.broadcast(polls.select(F.col("number").alias("last_number"), "unseen"))
    return (
        _numbered(observed)
        .join(first, on="number", how="inner")
        .join(last, on="last_number", how="inner")
        .select(*STATION, "seen", "unseen", "hold_seconds", *STATE, "continues", *_judged(thresholds))
    )


def _numbered(observed: DataFrame) -> DataFrame:
    """A row for each run: the state, hold_seconds, the ``number`` of its first poll, ``last_number``, continues."""
    # Ordered as the observations lie already: they need not be sorted again.
    station, state = Window.partitionBy("station_id").orderBy("number"), F.struct(*STATE, "hold_seconds")
    marked = observed.select(
        "*",
        F.lag("number").over(station).alias("number_before"),
        F.lag(state).over(station).alias("state_before"),
        F.lead("number").over(station).isNull().alias("is_last"),
    )
    begun = marked.withColumn("continues", F.expr("coalesce(number_before = number - 1, false)")).withColumn(
        "begins", ~F.col("continues") | ~F.col("state_before").eqNullSafe(state)
    )
    # A run lasts until the next one begins, or is the station's last.
    until_next = F.when(F.lead("begins").over(station), F.lead("number_before").over(station)).otherwise(
        F.lead("number").over(station)
    )
    last = F.when(F.col("is_last"), F.col("number")).otherwise(until_next)
    return begun.where("begins OR is_last").withColumn("last_number", last).where("begins")


def _judged(thresholds: Thresholds) -> list[Column]:
    expressions = {"capacity_seen": _CAPACITY_SEEN, **conditions(thresholds), **_SERVED}
    return [F.expr(expression).alias(name) for name, expression in expressions.items()]
