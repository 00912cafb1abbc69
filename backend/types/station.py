"""Stations, and what is asked of one."""

from __future__ import annotations

import datetime
from typing import Annotated

import strawberry

from backend import episodes, figures, history, service_levels, typical_weeks
from backend.context import Context
from backend.ranking import Ranked
from backend.seen_capacity import UNSEEN
from backend.series import LEAST_POINTS, MOST_POINTS
from backend.types.episode import Episode, States
from backend.types.field import resolved
from backend.types.figures import StationFigures, StationHour, figure_columns, metric_values
from backend.types.service_level import (
    FromHour,
    MinBikes,
    MinDocks,
    StationServiceLevel,
    Target,
    ToHour,
    Weekdays,
    question,
)
from backend.types.status import SeriesPoint, StationStatus
from backend.types.typical_week import TypicalHour
from backend.view import View
from pipeline.model import StationInformation
from pipeline.ports import Row

Info = strawberry.Info[Context, None]

FromInstant = Annotated[
    datetime.datetime, strawberry.argument(name="from", description="The range's first instant, included.")
]


def to_instant(most_days: int) -> object:
    """The argument ``to`` of a range of instants."""
    return strawberry.argument(
        name="to", description=f"The range's end, excluded; at most {most_days} days after from."
    )


ToInstant = Annotated[datetime.datetime, to_instant(history.MOST_DAYS)]
FromDay = Annotated[datetime.date, strawberry.argument(name="from", description="The first local day.")]


def to_day(most_days: int) -> object:
    """The argument ``to`` of a range of local days."""
    text = f"The last local day, included; the range has at most {most_days} days."
    return strawberry.argument(name="to", description=text)


@strawberry.type(description="A place where bikes are rented and returned.")
class Station:
    system_id: strawberry.Private[str]
    id: strawberry.ID = strawberry.field(description="The station's id in its system's feeds.")
    name: str = strawberry.field(description="Its name.")
    lat: float = strawberry.field(description="Latitude, degrees (WGS 84).")
    lon: float = strawberry.field(description="Longitude, degrees (WGS 84).")
    capacity: int | None = strawberry.field(
        description="Docks as declared by the system; some systems declare a placeholder."
    )
    observed_capacity: int | None = strawberry.field(
        description="The most bikes, docks and disabled ones seen at once in the last 30 days with data; null: none."
    )
    capacity_is_placeholder: bool | None = strawberry.field(
        description="Whether capacity is a placeholder, by what was seen at the station; null: not known."
    )
    status: StationStatus | None = strawberry.field(
        description="The station now; null when it was never seen. When it is old its state is UNKNOWN."
    )

    @classmethod
    def of(cls, view: View, information: StationInformation) -> Station:
        seen = view.live.capacities.get(information.station_id, UNSEEN)
        return cls(
            system_id=information.system_id,
            id=strawberry.ID(information.station_id),
            name=information.name,
            lat=information.lat,
            lon=information.lon,
            capacity=information.capacity,
            observed_capacity=seen.docks,
            capacity_is_placeholder=seen.is_placeholder,
            status=view.status(information.station_id),
        )

    @resolved(
        "What held at from, then each change, in order of time. A state holds until the next entry; where"
        " nothing was seen there is an entry in state UNKNOWN with null counts, at the instant it becomes unknown."
    )
    async def history(self, info: Info, start: FromInstant, end: ToInstant) -> list[StationStatus]:
        return await history.station_history(info.context, self.system_id, self.id, start, end)

    @resolved(
        "The history of a long range in few points: of what is too much to be told, the least and the greatest of bikes"
        " and docks are kept, and where nothing was seen. A point holds until the next."
    )
    async def series(
        self,
        info: Info,
        start: FromInstant,
        end: Annotated[datetime.datetime, to_instant(history.MOST_SERIES_DAYS)],
        points: Annotated[
            int,
            strawberry.argument(description=f"How many at most, from {LEAST_POINTS} to {MOST_POINTS}."),
        ] = 1000,
    ) -> list[SeriesPoint]:
        found = await history.station_series(info.context, self.system_id, self.id, start, end, points)
        return [SeriesPoint.of(point) for point in found]

    @resolved("Figures of each local hour computed so far, in order of time.")
    async def hours(
        self,
        info: Info,
        first: FromDay,
        last: Annotated[datetime.date, to_day(figures.MOST_HOUR_DAYS)],
    ) -> list[StationHour]:
        columns = figure_columns(info, "start", "date", "hour")
        rows = await figures.station_hours(info.context, self.system_id, self.id, first, last, columns)
        return [StationHour.of_row(row) for row in rows]

    @resolved("Figures of each local day computed so far, in order of time.")
    async def days(
        self, info: Info, first: FromDay, last: Annotated[datetime.date, to_day(figures.MOST_DAYS)]
    ) -> list[StationDay]:
        columns = figure_columns(info, "date")
        rows = await figures.station_days(info.context, self.system_id, self.id, first, last, columns)
        return [StationDay.of_row(self, row) for row in rows]

    @resolved("For how long the station was empty or full without a break, in order of time.")
    async def episodes(
        self,
        info: Info,
        first: FromDay,
        last: Annotated[datetime.date, to_day(episodes.MOST_STATION_DAYS)],
        states: States = None,
    ) -> list[Episode]:
        rows = await episodes.of_station(info.context, self.system_id, self.id, first, last, states)
        return [Episode.of_row(self, row) for row in rows]

    @resolved("For which share of the observed time it had the bikes and docks that are asked for.")
    async def service_level(
        self,
        info: Info,
        first: FromDay,
        last: Annotated[datetime.date, to_day(service_levels.MOST_STATION_DAYS)],
        min_bikes: MinBikes = 1,
        min_docks: MinDocks = 1,
        from_hour: FromHour = 0,
        to_hour: ToHour = 24,
        weekdays: Weekdays = None,
        target: Target = 0.9,
    ) -> StationServiceLevel:
        asked = question(min_bikes, min_docks, from_hour, to_hour, weekdays, target)
        level = await service_levels.station_service(info.context, self.system_id, self.id, asked, first, last)
        return StationServiceLevel.of(self, level)

    @resolved("The 168 local hours of the week, Monday 0 h first: what each was like over the last weeks.")
    async def typical_week(
        self,
        info: Info,
        weeks: Annotated[
            int, strawberry.argument(description=f"Over how many weeks, 1 to {typical_weeks.MOST_WEEKS}.")
        ] = 8,
        last: Annotated[
            datetime.date | None,
            strawberry.argument(name="to", description="The last local day of the weeks; null: yesterday."),
        ] = None,
    ) -> list[TypicalHour]:
        hours = await typical_weeks.station_week(info.context, self.system_id, self.id, weeks, last)
        return [TypicalHour.of(hour) for hour in hours]


@strawberry.type(description="A station's figures over one local day; of the current day, what was computed so far.")
class StationDay(StationFigures):
    station: Station = strawberry.field(description="The station.")
    date: datetime.date = strawberry.field(description="The local day.")

    @classmethod
    def of_row(cls, station: Station, row: Row) -> StationDay:
        """From a row of the table station_day."""
        return cls(station=station, date=row["date"], **metric_values(row))  # type: ignore[arg-type]  # typed by the table


@strawberry.type(description="A station's place in a ranking over several local days.")
class StationRank:
    rank: int = strawberry.field(
        description="1 for the value that comes first; equal values are in order of station id."
    )
    station: Station = strawberry.field(description="The station.")
    value: float = strawberry.field(description="The metric over the days.")
    coverage: float = strawberry.field(description="Observed time as a share of the whole range of days, 0 to 1.")
    observed_seconds: float = strawberry.field(description="Time in which the station's state was known, in seconds.")

    @classmethod
    def of(cls, rank: int, station: Station, ranked: Ranked) -> StationRank:
        return cls(
            rank=rank,
            station=station,
            value=ranked.value,
            coverage=ranked.coverage,
            observed_seconds=ranked.observed_seconds,
        )
