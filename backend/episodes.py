"""For how long stations were empty or full without a break, as the batch found it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from typing import Any

from backend.context import Context
from backend.ranges import days, gather
from backend.types.episode import EpisodeState
from pipeline.ports import Row
from pipeline.tables import STATION_EPISODE

MOST_DAYS = 31
MOST_STATION_DAYS = 92

States = Sequence[EpisodeState] | None
"""Only episodes of these; None for those of any."""


async def of_station(
    context: Context, system_id: str, station_id: str, first: date, last: date, states: States
) -> list[Row]:
    """The station's episodes on the local days first to last, in order of time; raises BadInput."""

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_EPISODE, (system_id, day), (station_id,))

    answers = await gather(read, days(first, last, MOST_STATION_DAYS))
    return sorted(_of_states(chain.from_iterable(answers), states), key=itemgetter("start"))


async def longest(
    context: Context,
    system_id: str,
    stations: Collection[str],
    first: date,
    last: date,
    states: States,
    most: int,
) -> list[Row]:
    """The longest episodes of these stations, at most so many; raises BadInput."""

    async def read(day: date) -> list[Row]:
        rows = _of_states(await context.store.read(STATION_EPISODE, (system_id, day)), states)
        # Those of a day that are not among its longest are not among the longest of all.
        return nsmallest(most, (row for row in rows if row["station_id"] in stations), key=_longest_first)

    answers = await gather(read, days(first, last, MOST_DAYS))
    return nsmallest(most, chain.from_iterable(answers), key=_longest_first)


def _of_states(rows: Iterable[Row], states: States) -> Iterable[Row]:
    return (row for row in rows if states is None or row["state"] in states)


def _longest_first(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (-row["seconds"], row["start"], row["station_id"], row["state"])
