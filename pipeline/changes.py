"""Changes of a station's bikes from one poll to the next without a gap between them: what came, and what left."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.pieces import within
from pipeline.runs import STATION, in_order

FLAP_SECONDS = 600
"""Two successive changes that cancel exactly within so long are flapping, not traffic."""


def changes(runs: DataFrame, day: DataFrame) -> DataFrame:
    """The changes in the day: system_id, station_id, seen, delta (never 0), is_flap.

    ``day`` is one row of `pipeline.pieces.span_rows`. Each day is judged by itself: a change before midnight and one
    after it are no pair, so that a day's figures never depend on the next day.
    """
    delta = F.when(F.col("continues"), F.col("bikes") - F.lag("bikes").over(in_order()))
    # A chain ends where nobody knows what came or went: at a gap, and at an unknown count.
    chained = runs.withColumn("delta", delta).withColumn(
        "chain", F.sum(F.col("delta").isNull().cast("int")).over(in_order())
    )
    found = within(chained.select(*STATION, "chain", "seen", "delta").where("delta <> 0"), day)
    return _flaps(found.select(*STATION, "chain", "seen", "delta"))


def _flaps(found: DataFrame) -> DataFrame:
    """Pairs are taken from the left, and none shares a change with another: the 1st, 3rd, ... of pairs in a row."""
    in_chain = Window.partitionBy(*STATION, "chain").orderBy("seen")
    cancels = (F.lead("delta").over(in_chain) == -F.col("delta")) & (
        F.lead("seen").over(in_chain) - F.col("seen") <= FLAP_SECONDS * 1_000_000
    )
    numbered = found.withColumn("cancels", F.coalesce(cancels, F.lit(False))).withColumn(
        "number", F.row_number().over(in_chain)
    )
    so_far = in_chain.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    last_without = F.coalesce(
        F.last(F.when(~F.col("cancels"), F.col("number")), ignorenulls=True).over(so_far), F.lit(0)
    )
    paired = numbered.withColumn("opens", F.col("cancels") & ((F.col("number") - last_without) % 2 == 1))
    is_flap = F.col("opens") | F.coalesce(F.lag("opens").over(in_chain), F.lit(False))
    return paired.select(*STATION, "seen", "delta", is_flap.alias("is_flap"))
