"""Systems, and what is asked of one."""

from __future__ import annotations

import datetime
from functools import partial
from typing import Annotated

import strawberry
from strawberry import argument

from backend import figures, history
from backend.pagination import After, Connection, First, check_first, cut
from backend.selection import StationFilter, VehicleFilter
from backend.types.feed import Feed, Poll, SystemHealth
from backend.types.field import resolved
from backend.types.figures import StationMetric
from backend.types.network import NetworkDay, NetworkStatus
from backend.types.place import BBox, Bounds, Near
from backend.types.station import (
    FromDay,
    FromInstant,
    Info,
    Station,
    StationDay,
    StationRank,
    ToInstant,
    to_day,
)
from backend.types.vehicle import ORDERS, Vehicle, VehicleOrder
from backend.view import View
from pipeline.model import StationState, SystemInformation


@strawberry.type(description="A bike-share system: stations, vehicles and figures of one operator's network.")
class System:
    id: strawberry.ID = strawberry.field(description="The system's id in its feeds.")
    name: str = strawberry.field(description="Its name.")
    time_zone: str = strawberry.field(description="Its time zone, such as Europe/Paris: that of local days and hours.")
    operator: str | None = strawberry.field(description="Who runs it.")
    view: strawberry.Private[View]

    @classmethod
    def of(cls, view: View, information: SystemInformation) -> System:
        return cls(
            id=strawberry.ID(view.system_id),
            name=information.name,
            time_zone=information.time_zone,
            operator=information.operator,
            view=view,
        )

    @resolved("The newest poll and what became of its feeds; null before the first.")
    def poll(self) -> Poll | None:
        return Poll.newest(self.view)

    @resolved("Every feed, with its newest fetch, by name.")
    def feeds(self) -> list[Feed]:
        return Feed.by_name(self.view, self.view.live.feeds.values())

    @resolved("How far the system can be trusted now.")
    def health(self) -> SystemHealth:
        return SystemHealth.of(self.view)

    @resolved("The rectangle that holds all its stations, without the outermost twentieth; null without any.")
    def bounds(self) -> Bounds | None:
        return self.view.bounds()

    @resolved("How many stations are declared.")
    def station_count(self) -> int:
        return len(self.view.live.stations)

    @resolved("Whether no poll of the stations is recent enough to be trusted.")
    def is_stale(self) -> bool:
        return self.view.is_stale()

    @resolved("Stations that fulfil every condition given, by name, or by distance when near is given.")
    def stations(
        self,
        ids: Annotated[
            list[strawberry.ID] | None, argument(description="Only these; unknown ids are left out.")
        ] = None,
        states: Annotated[list[StationState] | None, argument(description="Only those in one of these states.")] = None,
        bbox: Annotated[BBox | None, argument(description="Only those in this rectangle.")] = None,
        near: Annotated[Near | None, argument(description="Nearest to this point first.")] = None,
        search: Annotated[
            str | None, argument(description="Only those whose name holds all these words, whatever case and accents.")
        ] = None,
        first: First = 100,
        after: After = None,
    ) -> Connection[Station]:
        wanted = StationFilter(ids=ids, states=states, bbox=bbox, near=near, search=search)
        page = cut(wanted.select(self.view), wanted.order(), first, after)
        return Connection.of(page, partial(Station.of, self.view))

    @resolved("The station of this id; null when there is none.")
    def station(self, id: Annotated[strawberry.ID, argument(description="The station's id.")]) -> Station | None:
        information = self.view.live.stations.get(id)
        return None if information is None else Station.of(self.view, information)

    @resolved("Vehicles that the newest poll of the vehicle feed saw and that fulfil every condition.")
    def vehicles(
        self,
        outside_stations: Annotated[
            bool | None, argument(description="true: only those at no station; false: only those at one.")
        ] = None,
        reserved: Annotated[bool | None, argument(description="Only those reserved, or not reserved.")] = None,
        disabled: Annotated[bool | None, argument(description="Only those disabled, or not disabled.")] = None,
        abandoned: Annotated[
            bool | None, argument(description="Only those abandoned, or not; where that is not known, neither.")
        ] = None,
        order_by: Annotated[VehicleOrder, argument(description="The order of the list.")] = VehicleOrder.ID,
        first: First = 100,
        after: After = None,
    ) -> Connection[Vehicle]:
        wanted = VehicleFilter(outside_stations, reserved, disabled, abandoned)
        page = cut(wanted.select(self.view), ORDERS[order_by], first, after)
        return Connection.of(page, partial(Vehicle.of, self.view))

    @resolved("The totals of the newest poll; null before the first.")
    def network(self) -> NetworkStatus | None:
        network = self.view.live.network
        return None if network is None else NetworkStatus.of(network)

    @resolved(
        "The network's totals in each poll, in order of time. Where no poll saw the network there is no entry."
        f" At most {history.MOST_POINTS} entries."
    )
    async def network_history(
        self,
        info: Info,
        start: FromInstant,
        end: ToInstant,
        step_seconds: Annotated[
            int | None,
            argument(description="Only the last poll in each step of so many seconds from from; null: every poll."),
        ] = None,
    ) -> list[NetworkStatus]:
        return await history.network_history(info.context, self.id, start, end, step_seconds)

    @resolved("Stations by a metric over local days, the greatest value first; those never observed are left out.")
    async def ranking(
        self,
        info: Info,
        metric: Annotated[StationMetric, argument(description="What to rank by.")],
        first_day: FromDay,
        last_day: Annotated[datetime.date, to_day(figures.MOST_DAYS)],
        first: First = 10,
    ) -> list[StationRank]:
        check_first(first)
        ranked = await figures.rank(info.context, self.id, metric, first_day, last_day)
        known = [entry for entry in ranked if entry.station_id in self.view.live.stations]
        return [
            StationRank.of(number, self._station(entry.station_id), entry)
            for number, entry in enumerate(known[:first], start=1)
        ]

    @resolved("The network's figures of each local day computed so far, in order of time.")
    async def network_days(
        self, info: Info, first_day: FromDay, last_day: Annotated[datetime.date, to_day(figures.MOST_NETWORK_DAYS)]
    ) -> list[NetworkDay]:
        return await figures.network_days(info.context, self.id, first_day, last_day)

    @resolved("The figures of every station on one local day, by station id.")
    async def station_days(
        self, info: Info, date: Annotated[datetime.date, argument(description="The local day.")]
    ) -> list[StationDay]:
        rows = await figures.day_of_stations(info.context, self.id, date)
        known = [row for row in rows if row["station_id"] in self.view.live.stations]
        return [StationDay.of_row(self._station(str(row["station_id"])), row) for row in known]

    def _station(self, station_id: str) -> Station:
        return Station.of(self.view, self.view.live.stations[station_id])
