"""The evidence of stations: what their metrics are aggregated over, by station and span."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.changes import changes
from pipeline.episodes import episodes
from pipeline.pieces import cut, within
from pipeline.runs import STATION

_CONDITIONS = ["is_empty", "is_full", "is_nearly_empty", "is_nearly_full", "is_closed"]

_TIME = ["span", "micros", "span_micros", "elapsed_micros", "hold_seconds"]


class Found(NamedTuple):
    """What a day's runs come to: pieces of them in each span, and the day's changes and episodes."""

    pieces: DataFrame
    changes: DataFrame
    episodes: DataFrame

    @classmethod
    def of(cls, runs: DataFrame, spans: DataFrame, day: DataFrame) -> Found:
        """``spans`` and ``day`` (one of them) are rows of `pipeline.pieces.span_rows`."""
        return cls(cut(runs, spans), changes(runs, day), episodes(runs, day))


def station_evidence(found: Found, spans: DataFrame) -> DataFrame:
    """system_id, station_id, span and the columns that `pipeline/metrics/station.py` names."""
    pieces = found.pieces.select(
        *STATION,
        *_TIME,
        "bikes",
        "docks",
        F.expr("bikes + docks").alias("places"),
        F.expr("IF(docks IS NULL, NULL, bikes)").alias("filled_places"),
        "capacity_seen",
        *_CONDITIONS,
    )
    return pieces.unionByName(traffic(found, spans), allowMissingColumns=True)


def traffic(found: Found, spans: DataFrame) -> DataFrame:
    """The changes and episodes in the spans that they happened or began in: station, span and the columns of both."""
    changed = within(found.changes, spans).select(*STATION, "span", "delta", "is_flap")
    begun = within(found.episodes, spans).select(*STATION, "span", "episode", "episode_micros", "is_censored")
    return changed.unionByName(begun, allowMissingColumns=True)


def service_blocks(pieces: DataFrame) -> DataFrame:
    """For how long in each span each station had so many bikes and docks to offer.

    system_id, station_id, span, bikes_served, docks_served, micros; counts as in `pipeline.runs`.
    """
    return pieces.groupBy(*STATION, "span", "bikes_served", "docks_served").agg(F.sum("micros").alias("micros"))
