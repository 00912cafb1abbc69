"""The metrics of one station in one local hour, and in one local day.

A station's piece has, beside what `pipeline/metrics/metric.py` says,

    capacity_seen                                                 long      bikes, docks and disabled ones together
    is_empty, is_full, is_nearly_empty, is_nearly_full, is_closed boolean
"""

from __future__ import annotations

from pipeline.metrics.metric import (
    ARRIVALS_DEBOUNCED,
    DEPARTURES_DEBOUNCED,
    FLOW_METRICS,
    STOCK_METRICS,
    Metric,
    Unobserved,
    episodes,
    seconds,
)


def _condition(name: str, description: str) -> Metric:
    return Metric(f"{name}_seconds", "s", "double", description, seconds(f"is_{name}"), Unobserved.ZERO)


CONDITION_METRICS = (
    _condition("empty", "Observed time with 0 bikes while installed and renting."),
    _condition("full", "Observed time with 0 known docks while installed and returning."),
    _condition("nearly_empty", "Observed time with few bikes, but not 0, while installed and renting."),
    _condition("nearly_full", "Observed time with few known docks, but not 0, while installed and returning."),
    _condition("closed", "Observed time not installed, or neither renting nor returning."),
)
"""For how long a station was in a condition; conditions may hold at once."""

OBSERVATION_METRICS = (
    Metric(
        "unknown_seconds",
        "s",
        "double",
        "Time that has passed and in which the state was not known.",
        "(max(elapsed_micros) - sum(micros)) / 1000000",
        Unobserved.ALL,
    ),
    Metric(
        "observed_seconds",
        "s",
        "double",
        "Time in which the state was known.",
        "sum(micros) / 1000000",
        Unobserved.ZERO,
    ),
    Metric(
        "coverage",
        "share 0-1",
        "double",
        "Observed time as a share of the whole hour or day, also while that is not over yet.",
        "sum(micros) / max(span_micros)",
        Unobserved.ZERO,
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

USE_METRICS = (
    Metric(
        "turnover",
        "per place",
        "double",
        "Half of the debounced arrivals and departures, per place (bikes, docks and disabled ones, the most seen).",
        f"({ARRIVALS_DEBOUNCED} + {DEPARTURES_DEBOUNCED}) / 2 / nullif(max(capacity_seen), 0)",
    ),
)

STATION_METRICS = (
    *STOCK_METRICS,
    *CONDITION_METRICS,
    *episodes("empty", "the station", "micros"),
    *episodes("full", "the station", "micros"),
    *FLOW_METRICS,
    *USE_METRICS,
    *OBSERVATION_METRICS,
)
