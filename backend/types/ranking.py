"""What stations are ranked by."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from backend.measures import MEASURES


def _by(name: str) -> Any:
    return strawberry.enum_value(name, description=MEASURES[name].description)


@strawberry.enum(description="What stations can be ranked by.")
class StationMetric(Enum):
    EMPTY_SHARE = _by("empty_share")
    FULL_SHARE = _by("full_share")
    CLOSED_SHARE = _by("closed_share")
    NEARLY_EMPTY_SHARE = _by("nearly_empty_share")
    NEARLY_FULL_SHARE = _by("nearly_full_share")
    BIKES_MEAN = _by("bikes_mean")
    BIKES_MIN = _by("bikes_min")
    BIKES_MAX = _by("bikes_max")
    DOCKS_MEAN = _by("docks_mean")
    DOCKS_MIN = _by("docks_min")
    DOCKS_MAX = _by("docks_max")
    OCCUPANCY = _by("occupancy")
    EMPTY_SECONDS = _by("empty_seconds")
    FULL_SECONDS = _by("full_seconds")
    NEARLY_EMPTY_SECONDS = _by("nearly_empty_seconds")
    NEARLY_FULL_SECONDS = _by("nearly_full_seconds")
    CLOSED_SECONDS = _by("closed_seconds")
    EMPTY_EPISODES = _by("empty_episodes")
    FULL_EPISODES = _by("full_episodes")
    ARRIVALS = _by("arrivals")
    DEPARTURES = _by("departures")
    ARRIVALS_DEBOUNCED = _by("arrivals_debounced")
    DEPARTURES_DEBOUNCED = _by("departures_debounced")
    NET_FLOW = _by("net_flow")
    TURNOVER = _by("turnover")
    UNKNOWN_SECONDS = _by("unknown_seconds")
    OBSERVED_SECONDS = _by("observed_seconds")
    COVERAGE = _by("coverage")


@strawberry.enum(description="Which end of a ranking comes first.")
class RankOrder(Enum):
    GREATEST = strawberry.enum_value("greatest", description="The greatest value has rank 1.")
    LEAST = strawberry.enum_value("least", description="The least value has rank 1.")
