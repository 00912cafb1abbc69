"""What the stations, and the vehicles, of a network amount to in each poll."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline.conditions import charge_quartiles, has_low_charge, is_abandoned, is_unusable
from pipeline.model import Thresholds
from pipeline.pieces import POLL
from pipeline.runs import STATE, conditions


def station_totals(observed: DataFrame, polls: DataFrame, thresholds: Thresholds) -> DataFrame:
    """What the stations of each poll amount to: the columns of ``polls`` and those of `pipeline/metrics/network.py`.

    A poll that found no station counts none of any kind, and knows of no bikes and docks.
    """
    # Stations in the same state are the same to all sums; so a poll of thousands is some hundreds of rows.
    kinds = observed.groupBy("number", *STATE).agg(F.count("*").alias("n")).select("*", *_judged(thresholds))
    sums = kinds.groupBy("number").agg(*(F.expr(sum_).alias(name) for name, sum_ in _STATION_SUMS.items()))
    all_places = sums.selectExpr("number", "places AS all_places", "filled_places AS all_bikes")
    uneven = kinds.join(F.broadcast(all_places), on="number", how="inner")
    odd = uneven.groupBy("number").agg(F.expr(_IMBALANCE).alias("imbalance"))
    counts = [name for name in _STATION_SUMS if name.startswith("stations")]
    return (
        polls.join(F.broadcast(sums), on="number", how="left")
        .join(F.broadcast(odd), on="number", how="left")
        .fillna(0, subset=[*counts, "docked", "bikes_disabled"])
        .withColumn("stations_unknown", F.expr("greatest(coalesce(expected, 0) - stations, 0) + stations_silent"))
    )


def _judged(thresholds: Thresholds) -> list[Column]:
    found = {**conditions(thresholds), "is_unusable": f"coalesce({is_unusable()}, false)"}
    return [F.expr(condition).alias(name) for name, condition in found.items()]


def _count(condition: str) -> str:
    return f"sum(IF({condition}, n, 0))"


_IS_SILENT = "is_installed AND (is_renting OR is_returning) AND bikes IS NULL AND docks IS NULL"

_STATION_SUMS = {
    "stations": "sum(n)",
    "bikes": "sum(bikes * n)",
    "docks": "sum(docks * n)",
    "places": "sum((bikes + docks) * n)",
    "filled_places": "sum(IF(docks IS NULL, NULL, bikes * n))",
    "bikes_disabled": "coalesce(sum(bikes_disabled * n), 0)",
    "docked": "coalesce(sum((coalesce(bikes, 0) + coalesce(bikes_disabled, 0)) * n), 0)",
    **{
        f"stations_{name}": _count(f"is_{name}")
        for name in ("empty", "full", "nearly_empty", "nearly_full", "closed", "unusable")
    },
    "stations_silent": _count(_IS_SILENT),
}

# What `pipeline.conditions.imbalance` says, of rows that stand for n stations each.
_IMBALANCE = (
    "sum(n * abs(bikes * all_places - all_bikes * (bikes + docks)))"
    " / nullif(2 * first(all_bikes) * first(all_places), 0)"
)


def vehicle_totals(vehicle_statuses: DataFrame, polls: DataFrame, thresholds: Thresholds) -> DataFrame:
    """What the vehicles of each poll amount to: the columns of ``polls`` and those of `pipeline/metrics/network.py`.

    Of a poll that was published more than once the newest publish of each vehicle counts.
    """
    cores = vehicle_statuses.sparkSession.sparkContext.defaultParallelism
    newest_first = Window.partitionBy(*POLL, "vehicle_id").orderBy(F.desc("offset"))
    newest = (
        vehicle_statuses.repartition(cores, *POLL)
        .withColumn("age", F.row_number().over(newest_first))
        .where("age = 1")
        .withColumn("is_abandoned", F.expr(f"coalesce({is_abandoned(thresholds)}, false)"))
        .withColumn("has_low_charge", F.expr(f"coalesce({has_low_charge(thresholds)}, false)"))
    )
    sums = newest.groupBy(*POLL).agg(*(F.expr(sum_).alias(name) for name, sum_ in _VEHICLE_SUMS.items()))
    counts = [name for name in _VEHICLE_SUMS if name.startswith("vehicles")]
    return (
        polls.join(F.broadcast(sums), on=POLL, how="left")
        .fillna(0, subset=counts)
        .selectExpr(
            "*",
            "charges[0] AS charge_low_quartile",
            "charges[1] AS charge_median",
            "charges[2] AS charge_high_quartile",
        )
    )


_VEHICLE_SUMS = {
    "vehicles": "count(*)",
    "vehicles_outside_stations": "count_if(station_id IS NULL)",
    "vehicles_reserved": "count_if(is_reserved)",
    "vehicles_disabled": "count_if(is_disabled)",
    "vehicles_abandoned": "count_if(is_abandoned)",
    "vehicles_charged": "count(charge)",
    "vehicles_low_charge": "count_if(has_low_charge)",
    "charges": charge_quartiles(),
}
