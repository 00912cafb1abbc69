"""A station's state and counts at one instant."""

from __future__ import annotations

from datetime import datetime

import strawberry

from backend.series import Point
from backend.types.enum import describe
from pipeline import model
from pipeline.model import StationState

describe(
    StationState,
    "A station's state, by the first of these rules that fits.",
    {
        StationState.OUT_OF_SERVICE: "Not installed.",
        StationState.CLOSED: "Neither renting nor returning.",
        StationState.UNKNOWN: "Not seen by the newest poll, or that is too old to be trusted, or no counts are given.",
        StationState.EMPTY: "Renting, with 0 bikes.",
        StationState.FULL: "Returning, with 0 docks; docks must be known.",
        StationState.NEARLY_EMPTY: "At most 3 bikes (BIKEWIRE_NEARLY_EMPTY).",
        StationState.NEARLY_FULL: "At most 3 docks (BIKEWIRE_NEARLY_FULL); docks must be known.",
        StationState.NORMAL: "Bikes to rent and docks to return to.",
    },
)


@strawberry.type(
    description="What a station reports. Null counts are unknown, never 0. Words are those of GBFS station_status."
)
class StationStatus:
    state: StationState = strawberry.field(
        description="The state that follows from the counts, the flags and their age."
    )
    bikes: int | None = strawberry.field(description="Bikes available to rent.")
    docks: int | None = strawberry.field(description="Docks available to return a bike to.")
    bikes_disabled: int | None = strawberry.field(description="Bikes at the station that can't be rented.")
    docks_disabled: int | None = strawberry.field(description="Docks that can't take a bike.")
    is_installed: bool = strawberry.field(description="Whether the station is on the street.")
    is_renting: bool = strawberry.field(description="Whether the station rents bikes, if it has any.")
    is_returning: bool = strawberry.field(description="Whether the station takes bikes, if it has docks.")
    polled_at: datetime = strawberry.field(
        description="The instant of the poll that saw this; the time of all figures."
    )
    last_reported: datetime | None = strawberry.field(
        description="When the station last reported, by the feed; feeds set it loosely."
    )

    @classmethod
    def of(cls, record: model.StationStatus, state: StationState) -> StationStatus:
        return cls(
            state=state,
            bikes=record.bikes,
            docks=record.docks,
            bikes_disabled=record.bikes_disabled,
            docks_disabled=record.docks_disabled,
            is_installed=record.is_installed,
            is_renting=record.is_renting,
            is_returning=record.is_returning,
            polled_at=record.polled_at,
            last_reported=record.last_reported,
        )

    @classmethod
    def unknown(cls, record: model.StationStatus, since: datetime) -> StationStatus:
        """What is known of the station from ``since`` on, when nothing but an old record is."""
        return cls(
            state=StationState.UNKNOWN,
            bikes=None,
            docks=None,
            bikes_disabled=None,
            docks_disabled=None,
            is_installed=record.is_installed,
            is_renting=record.is_renting,
            is_returning=record.is_returning,
            polled_at=since,
            last_reported=record.last_reported,
        )


@strawberry.type(description="What held of a station, in a series that is thinned out.")
class SeriesPoint:
    polled_at: datetime = strawberry.field(
        description="Since when: the instant of the poll that saw it, or the one at which it became unknown."
    )
    state: StationState = strawberry.field(description="The state that follows from the counts and the flags.")
    bikes: int | None = strawberry.field(description="Bikes available to rent.")
    docks: int | None = strawberry.field(description="Docks available to return a bike to.")

    @classmethod
    def of(cls, point: Point) -> SeriesPoint:
        return cls(polled_at=point.since, state=point.state, bikes=point.bikes, docks=point.docks)
