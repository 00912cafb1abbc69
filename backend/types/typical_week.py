"""A station's typical week, hour by hour."""

from __future__ import annotations

from typing import Any

import strawberry

from backend.types.weekday import Weekday
from pipeline import typical_week


def _mean(count: str) -> Any:
    text = f"{count.capitalize()} available, mean over the weeks, weighted by observed time. Unit: {count}."
    return strawberry.field(description=text)


def _extreme(count: str, which: str) -> Any:
    return strawberry.field(description=f"{which} {count} available at any instant of the weeks. Unit: {count}.")


def _quartile(count: str, share: str) -> Any:
    text = f"What the hour's mean of {count} was at most in {share} of the weeks (interpolated). Unit: {count}."
    return strawberry.field(description=text)


_QUARTER, _HALF, _THREE_QUARTERS = "a quarter", "half", "three quarters"


@strawberry.type(
    description="A local hour of the week, over some weeks. A count's figures are null where it was never known."
)
class TypicalHour:
    weekday: Weekday = strawberry.field(description="The day of the week.")
    hour: int = strawberry.field(description="The local hour, 0 to 23.")
    weeks: int = strawberry.field(description="In how many weeks the hour was seen at all.")
    observed_seconds: float = strawberry.field(description="Time in which the state was known. Unit: s.")
    coverage: float = strawberry.field(
        description="Observed time as a share of the length of these hours in all the weeks. Unit: share 0-1."
    )
    bikes_mean: float | None = _mean("bikes")
    bikes_min: int | None = _extreme("bikes", "Fewest")
    bikes_low_quartile: float | None = _quartile("bikes", _QUARTER)
    bikes_median: float | None = _quartile("bikes", _HALF)
    bikes_high_quartile: float | None = _quartile("bikes", _THREE_QUARTERS)
    bikes_max: int | None = _extreme("bikes", "Most")
    docks_mean: float | None = _mean("docks")
    docks_min: int | None = _extreme("docks", "Fewest")
    docks_low_quartile: float | None = _quartile("docks", _QUARTER)
    docks_median: float | None = _quartile("docks", _HALF)
    docks_high_quartile: float | None = _quartile("docks", _THREE_QUARTERS)
    docks_max: int | None = _extreme("docks", "Most")

    @classmethod
    def of(cls, hour: typical_week.TypicalHour) -> TypicalHour:
        return cls(**hour.figures() | {"weekday": Weekday(hour.weekday)})
