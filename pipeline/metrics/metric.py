"""What a metric is, and the expressions that metrics of stations and of the network share.

Every piece of observed time has

    micros          long     its length in microseconds: whole numbers, so that sums are exact in any order
    span_micros     long     the length of the whole hour or day that it falls in
    elapsed_micros  long     how much of that hour or day had passed when it was computed
    hold_seconds    double   how long its observation was trusted
    bikes, docks    long     null: unknown
    places, filled_places   long   bikes and docks together where both are known, and the bikes of those

every change ``delta`` (long: bikes more than before, never 0) and ``is_flap`` (boolean: a change that the next or
the last one took back), and every episode ``episode`` ('empty' or 'full'), ``episode_micros`` (long) and
``is_censored`` (boolean: it lasted at least so long).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Unobserved(Enum):
    """What a metric is in an hour in which nothing was observed."""

    UNKNOWN = "unknown"
    ZERO = "0"
    ALL = "all of it"
    """The whole time that has passed."""


class Metric(NamedTuple):
    """``name`` is the column, ``unit`` its unit, ``type`` its column type in `pipeline/tables`.

    ``is_of_episodes``: the expression needs nothing but the episodes.
    """

    name: str
    unit: str
    type: str
    description: str
    expression: str
    unobserved: Unobserved = Unobserved.UNKNOWN
    is_of_episodes: bool = False


def mean(column: str) -> str:
    """Over the time in which the column is known."""
    return f"sum({column} * micros) / sum(CASE WHEN {column} IS NOT NULL THEN micros END)"


def seconds(condition: str) -> str:
    return f"coalesce(sum(CASE WHEN {condition} THEN micros END), 0) / 1000000"


def _flow(delta: str) -> str:
    """Of what is known to have come or gone; unknown where no count of bikes is known at all."""
    return f"CASE WHEN count(bikes) > 0 THEN coalesce(sum({delta}), 0) END"


def _gained(sign: str, also: str = "") -> str:
    return _flow(f"CASE WHEN {sign}delta > 0{also} THEN {sign}delta END")


NOT_FLAP = " AND NOT is_flap"

ARRIVALS_DEBOUNCED = _gained("", NOT_FLAP)
DEPARTURES_DEBOUNCED = _gained("-", NOT_FLAP)


def _episodes(kind: str) -> str:
    return f"count(CASE WHEN episode = '{kind}' THEN 1 END)"


def _median_seconds(kind: str) -> str:
    """The Kaplan-Meier median: the shortest length that at most half of the episodes outlast.

    ``left`` counts the episodes that are at least as long as the one at hand. Those that end and those that are cut off
    at the same length: the ends come first. The billionth forgives what multiplying fractions loses.
    """
    found = f"array_sort(collect_list(CASE WHEN episode = '{kind}' THEN struct(episode_micros, is_censored) END))"
    survival = "lasting.survival * (lasting.left - 1) / lasting.left"
    return (
        f"aggregate({found},"
        f" struct({_episodes(kind)} AS left, 1D AS survival, CAST(NULL AS BIGINT) AS median),"
        " (lasting, one) -> struct(lasting.left - 1 AS left,"
        f" IF(one.is_censored, lasting.survival, {survival}) AS survival,"
        f" IF(lasting.median IS NULL AND NOT one.is_censored AND {survival} <= 0.500000001D,"
        " one.episode_micros, lasting.median) AS median),"
        " lasting -> lasting.median / 1000000)"
    )


def episodes(kind: str, of_what: str, observed: str) -> tuple[Metric, ...]:
    """How often something was ``kind``, and for how long; ``of_what`` says of which stations.

    ``observed`` is a column that is null while no station is observed.
    """
    count = f"CASE WHEN count({observed}) > 0 THEN {_episodes(kind)} END"
    return (
        Metric(f"{kind}_episodes", "episodes", "long", f"How often {of_what} became or was seen {kind}.", count),
        Metric(
            f"{kind}_episode_median_seconds",
            "s",
            "double",
            f"Median length of the {kind} episodes that began here; cut-off ones count as longer (Kaplan-Meier).",
            _median_seconds(kind),
            is_of_episodes=True,
        ),
    )


STOCK_METRICS = (
    Metric("bikes_mean", "bikes", "double", "Bikes available, mean over the observed time.", mean("bikes")),
    Metric("bikes_min", "bikes", "long", "Fewest bikes available at once, in the observed time.", "min(bikes)"),
    Metric("bikes_max", "bikes", "long", "Most bikes available at once, in the observed time.", "max(bikes)"),
    Metric("docks_mean", "docks", "double", "Docks available, mean over the time with docks known.", mean("docks")),
    Metric("docks_min", "docks", "long", "Fewest docks available at once, in the observed time.", "min(docks)"),
    Metric("docks_max", "docks", "long", "Most docks available at once, in the observed time.", "max(docks)"),
    Metric(
        "occupancy",
        "share 0-1",
        "double",
        "Bikes as a share of bikes and docks, over the time in which both are known.",
        "sum(filled_places * micros) / nullif(sum(places * micros), 0)",
    ),
)
"""What is counted of one station, and of the network as the sum over its stations at each instant."""

FLOW_METRICS = (
    Metric("arrivals", "bikes", "long", "Bikes that came, at least: rises from one poll to the next.", _gained("")),
    Metric("departures", "bikes", "long", "Bikes that left, at least: falls from one poll to the next.", _gained("-")),
    Metric(
        "arrivals_debounced",
        "bikes",
        "long",
        "Arrivals without rises that a fall took back within 10 minutes, or that took back a fall.",
        ARRIVALS_DEBOUNCED,
    ),
    Metric(
        "departures_debounced",
        "bikes",
        "long",
        "Departures without falls that a rise took back within 10 minutes, or that took back a rise.",
        DEPARTURES_DEBOUNCED,
    ),
    Metric("net_flow", "bikes", "long", "Arrivals less departures; the same raw and debounced.", _flow("delta")),
)
"""What came and went between polls without a gap between them."""
