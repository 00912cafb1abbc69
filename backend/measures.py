"""What stations can be ranked by, and how the figures of several days become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import fsum
from typing import NamedTuple

from backend.types.metric import metric_description
from pipeline.metrics import STATION_METRICS, Metric

SHARES = ("empty", "full", "closed", "nearly_empty", "nearly_full")

# A median of medians is no median, and the lengths of the single episodes are not in the days' figures. Hold seconds
# say how a figure was made, and nothing of the station.
LEFT_OUT = frozenset({"empty_episode_median_seconds", "full_episode_median_seconds", "hold_seconds"})


class Days(NamedTuple):
    """A station's value on each day on which it was known, and for how many seconds it was observed then; in any order.

    Two lists rather than pairs: the many pairs of a ranking would wake the garbage collector.
    """

    values: list[float]
    observed: list[float]

    @classmethod
    def none(cls) -> Days:
        return cls([], [])

    # fsum: the same days give the same figure to the last digit, in whatever order they were read.
    def observed_seconds(self) -> float:
        return fsum(self.observed)


class Span(NamedTuple):
    """How long the days are together, and how much had passed of those on which any station was seen; seconds."""

    seconds: float
    elapsed_seconds: float


class OverDays(NamedTuple):
    """How days are put together, in words and as a function."""

    words: str
    function: Callable[[Days, Span], float]


class Measure(NamedTuple):
    """``column`` of station_day, what it is over several days in words, and how days are put together."""

    column: str
    description: str
    over_days: Callable[[Days, Span], float]


def _mean(days: Days) -> float:
    weighted = [value * observed for value, observed in zip(days.values, days.observed, strict=True)]
    return fsum(weighted) / days.observed_seconds()


SUM = OverDays("the sum", lambda days, _: fsum(days.values))
LEAST = OverDays("the least", lambda days, _: min(days.values))
GREATEST = OverDays("the greatest", lambda days, _: max(days.values))
MEAN = OverDays("the mean of the days, weighted by their observed time", lambda days, _: _mean(days))
SHARE = OverDays(
    "the seconds of all days by the observed seconds of all days",
    lambda days, _: fsum(days.values) / days.observed_seconds(),
)
COVERAGE = OverDays(
    "the observed seconds by the seconds of all days", lambda days, span: days.observed_seconds() / span.seconds
)
# A station has no figures of a day on which it was never seen: that day was unknown as a whole.
UNKNOWN = OverDays(
    "the sum, whole days without the station included where others were seen",
    lambda days, span: span.elapsed_seconds - days.observed_seconds(),
)

_NAMED = {"occupancy": MEAN, "coverage": COVERAGE, "unknown_seconds": UNKNOWN}
_BY_ENDING = {"mean": MEAN, "min": LEAST, "max": GREATEST}


def _of_metric(metric: Metric) -> Measure:
    over_days = _NAMED.get(metric.name) or _BY_ENDING.get(metric.name.rpartition("_")[2], SUM)
    text = f"{metric_description(metric)} Over several days: {over_days.words}."
    return Measure(metric.name, text, over_days.function)


def _of_share(condition: str) -> Measure:
    words = condition.replace("_", " ").capitalize()
    text = f"{words} time as a share of observed time. Unit: share 0-1. Over several days: {SHARE.words}."
    return Measure(f"{condition}_seconds", text, SHARE.function)


MEASURES: Mapping[str, Measure] = {
    **{f"{condition}_share": _of_share(condition) for condition in SHARES},
    **{metric.name: _of_metric(metric) for metric in STATION_METRICS if metric.name not in LEFT_OUT},
}
