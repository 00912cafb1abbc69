"""For how long stations were empty or full without a break."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from backend.types.enum import describe

if TYPE_CHECKING:
    from backend.types.station import Station


class EpisodeState(StrEnum):
    EMPTY = "EMPTY"
    FULL = "FULL"


describe(
    EpisodeState,
    "What a station can be for a while.",
    {
        EpisodeState.EMPTY: "Installed and renting, with 0 bikes.",
        EpisodeState.FULL: "Installed and returning, with 0 docks; docks must be known.",
    },
)

States = Annotated[
    list[EpisodeState] | None, strawberry.argument(description="Only episodes of these states; null: of both.")
]


@strawberry.type(
    description="A stretch of one local day in which a station was seen empty, or full, without a break or a gap."
)
class Episode:
    station: Annotated[Station, strawberry.lazy("backend.types.station")] = strawberry.field(description="The station.")
    state: EpisodeState = strawberry.field(description="What it was.")
    date: datetime.date = strawberry.field(description="The local day.")
    start: datetime.datetime = strawberry.field(description="When it was first seen so.")
    end: datetime.datetime = strawberry.field(description="Until when it was seen so.")
    seconds: float = strawberry.field(description="How long that is, in seconds.")
    is_censored: bool = strawberry.field(
        description="Whether a gap or the edge of the day cut it off at either end: it lasted at least so long."
    )

    @classmethod
    def of_row(cls, station: Station, row: Mapping[str, Any]) -> Episode:
        """From a row of the table station_episode."""
        start, seconds = row["start"], row["seconds"]
        return cls(
            station=station,
            state=EpisodeState(row["state"]),
            date=row["date"],
            start=start,
            end=start + datetime.timedelta(seconds=seconds),
            seconds=seconds,
            is_censored=row["is_censored"],
        )
