"""Service levels, computed from what the batch keeps of each station and local day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce
from typing import NamedTuple

from backend.context import Context
from backend.ranges import days, gather
from backend.zones import zone_of
from pipeline.service_level import (
    Level,
    Question,
    Seen,
    asked_micros,
    levels_of,
    network_level,
    seen_by_station,
)
from pipeline.tables import STATION_SERVICE

MOST_DAYS = 92
MOST_STATION_DAYS = 366

COLUMNS = ("station_id", "hours")


class ServiceLevels(NamedTuple):
    """The level of the network, and of each station that was seen, the least share first."""

    network: Level
    stations: Mapping[str, Level]


async def network_service(context: Context, system_id: str, asked: Question, first: date, last: date) -> ServiceLevels:
    """The service level on the local days first to last; raises BadInput."""
    wanted = days(first, last, MOST_DAYS)
    micros = asked_micros(asked, wanted, zone_of(context, system_id))

    async def read(day: date) -> dict[str, Seen]:
        rows = await context.store.read(STATION_SERVICE, (system_id, day), columns=COLUMNS)
        return await asyncio.to_thread(seen_by_station, rows, asked)

    seen = _together(await gather(read, filter(asked.asks_of, wanted)))
    return ServiceLevels(network_level(seen, micros, asked.target), levels_of(seen, micros, asked.target))


async def station_service(
    context: Context, system_id: str, station_id: str, asked: Question, first: date, last: date
) -> Level:
    """The station's service level on the local days first to last; raises BadInput."""
    wanted = days(first, last, MOST_STATION_DAYS)
    micros = asked_micros(asked, wanted, zone_of(context, system_id))

    async def read(day: date) -> Seen:
        rows = await context.store.read(STATION_SERVICE, (system_id, day), (station_id,), columns=COLUMNS)
        return seen_by_station(rows, asked).get(station_id, Seen(0, 0))

    answers = await gather(read, filter(asked.asks_of, wanted))
    return Level(reduce(Seen.plus, answers, Seen(0, 0)), micros, asked.target)


def _together(days_seen: Iterable[Mapping[str, Seen]]) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for seen in days_seen:
        for station_id, one in seen.items():
            found[station_id] = found[station_id].plus(one) if station_id in found else one
    return found
