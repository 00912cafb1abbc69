"""Service levels: for which share of the time stations had the bikes and docks that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Annotated, cast

import strawberry
from strawberry import argument

from backend.pagination import First, check_first
from backend.scalars import BadInput
from backend.service_levels import ServiceLevels
from backend.types.field import resolved
from backend.types.weekday import Weekday
from pipeline.service_level import EVERY_DAY, MOST_COUNT, Level, Question

if TYPE_CHECKING:
    from backend.types.station import Station

MinBikes = Annotated[
    int, argument(description=f"At least so many bikes to rent, 0 to {MOST_COUNT}; 0 asks nothing of the bikes.")
]
MinDocks = Annotated[
    int, argument(description=f"At least so many docks to return to, 0 to {MOST_COUNT}; 0 asks nothing of the docks.")
]
FromHour = Annotated[int, argument(description="The first local hour, 0 to 23.")]
ToHour = Annotated[int, argument(description="The local hour at which the asked time ends, 1 to 24, after fromHour.")]
Weekdays = Annotated[list[Weekday] | None, argument(description="Only these days of the week; null: all.")]
Target = Annotated[float, argument(description="The share of the observed time, 0 to 1, that keeps the level.")]


@strawberry.interface(description="For which share of the observed time what was asked for was there.")
class ServiceFigures:
    share: float | None = strawberry.field(
        description="keptSeconds / observedSeconds; null when nothing was observed. Unit: share 0-1."
    )
    kept_seconds: float = strawberry.field(
        description="Observed time with at least the asked bikes to rent and docks to return to. Unit: s."
    )
    observed_seconds: float = strawberry.field(
        description="Time asked for in which every count that is asked for was known. Unit: s."
    )
    asked_seconds: float = strawberry.field(
        description="Length of the asked hours; of the network, for each station observed. Unit: s."
    )
    coverage: float = strawberry.field(
        description="observedSeconds / askedSeconds; 0 when there was no such hour. Unit: share 0-1."
    )
    is_kept: bool | None = strawberry.field(
        description="Whether the share reaches the target; null when nothing was observed."
    )


@strawberry.type(description="A station's service level over local days.")
class StationServiceLevel(ServiceFigures):
    station: Annotated[Station, strawberry.lazy("backend.types.station")] = strawberry.field(description="The station.")

    @classmethod
    def of(cls, station: Station, level: Level) -> StationServiceLevel:
        return cls(station=station, **level.figures())


@strawberry.type(description="The service level of a system over local days: the sums over its stations.")
class ServiceLevel(ServiceFigures):
    min_bikes: int = strawberry.field(description="The bikes asked for.")
    min_docks: int = strawberry.field(description="The docks asked for.")
    from_hour: int = strawberry.field(description="The first local hour asked for.")
    to_hour: int = strawberry.field(description="The local hour at which the asked time ends.")
    weekdays: list[Weekday] = strawberry.field(description="The days of the week asked for, Monday first.")
    target: float = strawberry.field(description="The share of the observed time that keeps the level.")
    stations_kept: int = strawberry.field(description="Stations whose share reaches the target.")
    stations_observed: int = strawberry.field(
        description="Stations seen at any time of the days asked for, those seen at no asked time included."
    )
    levels: strawberry.Private[list[tuple[str, Level]]]
    station_of: strawberry.Private[Callable[[str], Station]]

    @classmethod
    def of(
        cls, asked: Question, found: ServiceLevels, declared: Container[str], station_of: Callable[[str], Station]
    ) -> ServiceLevel:
        """``station_of`` makes a station of each declared id; others count, but are not listed."""
        levels = found.stations.values()
        return cls(
            min_bikes=asked.min_bikes,
            min_docks=asked.min_docks,
            from_hour=asked.from_hour,
            to_hour=asked.to_hour,
            weekdays=[Weekday(weekday) for weekday in sorted(asked.weekdays)],
            target=asked.target,
            stations_kept=sum(level.is_kept is True for level in levels),
            stations_observed=len(levels),
            levels=[item for item in found.stations.items() if item[0] in declared],
            station_of=station_of,
            **found.network.figures(),
        )

    @resolved("The declared stations that were observed, the least share first, those without one last.")
    def stations(self, first: First = 100) -> list[StationServiceLevel]:
        check_first(first)
        return [StationServiceLevel.of(self.station_of(station_id), level) for station_id, level in self.levels[:first]]


def question(
    min_bikes: int, min_docks: int, from_hour: int, to_hour: int, weekdays: list[Weekday] | None, target: float
) -> Question:
    """What these arguments ask; raises BadInput."""
    days = EVERY_DAY if weekdays is None else frozenset(cast(int, weekday.value) for weekday in weekdays)
    try:
        return Question(min_bikes, min_docks, from_hour, to_hour, days, target)
    except ValueError as error:
        raise BadInput(str(error)) from error
