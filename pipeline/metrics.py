"""The one place where a metric has its name, its unit, its meaning and its expression.

The expressions are Spark SQL over *pieces*: the stretches of time in which one station (or the network) was
observed in one state, cut at the edges of local hours. `pipeline/batch.py` makes the pieces, with the columns

    seconds double       length of the piece
    bikes, docks int     what was there (null: unknown)
    is_empty, is_full, is_closed boolean
    hold_seconds double  how long an observation was trusted
    span_seconds double  length of the hour or day that the piece falls in

The tables' columns, the descriptions in the API and `docs/metrics.md` are made from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """``name`` is the column, ``unit`` its unit, ``type`` its column type in `pipeline/tables.py`."""

    name: str
    unit: str
    type: str
    description: str
    expression: str


def _mean(column: str) -> str:
    return f"sum({column} * seconds) / sum(CASE WHEN {column} IS NOT NULL THEN seconds END)"


def _seconds(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN seconds ELSE 0D END)"


STATION_METRICS: tuple[Metric, ...] = (
    Metric("bikes_mean", "bikes", "double", "Bikes available, mean over the observed time.", _mean("bikes")),
    Metric("bikes_min", "bikes", "long", "Fewest bikes available at once, in the observed time.", "min(bikes)"),
    Metric("bikes_max", "bikes", "long", "Most bikes available at once, in the observed time.", "max(bikes)"),
    Metric(
        "docks_mean",
        "docks",
        "double",
        "Docks available, mean over the observed time with docks known.",
        _mean("docks"),
    ),
    Metric("docks_min", "docks", "long", "Fewest docks available at once, in the observed time.", "min(docks)"),
    Metric("docks_max", "docks", "long", "Most docks available at once, in the observed time.", "max(docks)"),
    Metric(
        "empty_seconds",
        "s",
        "double",
        "Observed time with 0 bikes while installed and renting.",
        _seconds("is_empty"),
    ),
    Metric(
        "full_seconds",
        "s",
        "double",
        "Observed time with 0 known docks while installed and returning.",
        _seconds("is_full"),
    ),
    Metric(
        "closed_seconds",
        "s",
        "double",
        "Observed time not installed, or neither renting nor returning.",
        _seconds("is_closed"),
    ),
    Metric("observed_seconds", "s", "double", "Time in which the station's state was known.", "sum(seconds)"),
    Metric(
        "coverage",
        "share 0-1",
        "double",
        "Observed time as a share of the whole hour or day.",
        "sum(seconds) / max(span_seconds)",
    ),
    Metric(
        "hold_seconds",
        "s",
        "double",
        "How long after its poll an observation was trusted (the longest).",
        "max(hold_seconds)",
    ),
)
