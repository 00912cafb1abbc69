"""The one place where a metric has its name, its unit, its meaning and its expression.

The expressions are Spark SQL, to be aggregated over *pieces*: the stretches of time in which one station, or the
network, was observed in one state, cut at the edges of local hours (`pipeline/pieces.py` makes them). Every piece has

    micros        long     its length in microseconds: whole numbers, so that sums are exact in any order
    span_micros   long     the length of the whole hour or day that it falls in
    hold_seconds  double   how long its observation was trusted

and a station's piece

    bikes, docks                    long, null: unknown
    is_empty, is_full, is_closed    boolean

and a piece of the network

    stations                                            long: stations observed
    bikes, docks                                        long: the sum over the stations that say, null when none does
    stations_empty, stations_full, stations_closed      long

The tables' columns, the descriptions in the API and `docs/metrics.md` are made from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """``name`` is the column, ``unit`` its unit, ``type`` its column type in `pipeline/tables.py`.

    ``unobserved`` is the value where nothing was observed: seconds are 0 then, what they would divide is unknown.
    """

    name: str
    unit: str
    type: str
    description: str
    expression: str
    unobserved: float | None = None


def _mean(column: str) -> str:
    return f"sum({column} * micros) / sum(CASE WHEN {column} IS NOT NULL THEN micros END)"


def _seconds(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN micros ELSE 0 END) / 1000000"


def _station_share(count: str) -> str:
    return f"sum({count} * micros) / nullif(sum(stations * micros), 0)"


STOCK_METRICS: tuple[Metric, ...] = (
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
)
"""What is counted of one station, and of the network as the sum over its stations at each instant."""

CONDITION_METRICS: tuple[Metric, ...] = (
    Metric(
        "empty_seconds",
        "s",
        "double",
        "Observed time with 0 bikes while installed and renting.",
        _seconds("is_empty"),
        0.0,
    ),
    Metric(
        "full_seconds",
        "s",
        "double",
        "Observed time with 0 known docks while installed and returning.",
        _seconds("is_full"),
        0.0,
    ),
    Metric(
        "closed_seconds",
        "s",
        "double",
        "Observed time not installed, or neither renting nor returning.",
        _seconds("is_closed"),
        0.0,
    ),
)
"""For how long a station was in a condition; conditions may hold at once."""

NETWORK_CONDITION_METRICS: tuple[Metric, ...] = (
    Metric(
        "stations_empty_mean",
        "stations",
        "double",
        "Stations empty at once, mean over the observed time.",
        _mean("stations_empty"),
    ),
    Metric(
        "stations_full_mean",
        "stations",
        "double",
        "Stations full at once, mean over the observed time.",
        _mean("stations_full"),
    ),
    Metric(
        "stations_closed_mean",
        "stations",
        "double",
        "Stations closed or out of service at once, mean over the observed time.",
        _mean("stations_closed"),
    ),
    Metric(
        "empty_share",
        "share 0-1",
        "double",
        "Empty seconds of all stations as a share of their observed seconds.",
        _station_share("stations_empty"),
    ),
    Metric(
        "full_share",
        "share 0-1",
        "double",
        "Full seconds of all stations as a share of their observed seconds.",
        _station_share("stations_full"),
    ),
)

OBSERVATION_METRICS: tuple[Metric, ...] = (
    Metric("observed_seconds", "s", "double", "Time in which the state was known.", "sum(micros) / 1000000", 0.0),
    Metric(
        "coverage",
        "share 0-1",
        "double",
        "Observed time as a share of the whole hour or day, also while that is not over yet.",
        "sum(micros) / max(span_micros)",
        0.0,
    ),
    Metric(
        "hold_seconds",
        "s",
        "double",
        "How long after its poll an observation was trusted (the longest).",
        "max(hold_seconds)",
    ),
)
"""What the other figures stand on."""

STATION_METRICS = (*STOCK_METRICS, *CONDITION_METRICS, *OBSERVATION_METRICS)
"""Of one station in one local hour, and in one local day."""

NETWORK_METRICS = (*STOCK_METRICS, *NETWORK_CONDITION_METRICS, *OBSERVATION_METRICS)
"""Of the network in one local day."""
