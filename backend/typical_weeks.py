"""Typical weeks, computed from what the batch keeps of each station and local hour."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from itertools import chain

from backend.context import Context
from backend.ranges import days, gather
from backend.scalars import BadInput
from backend.zones import yesterday, zone_of
from pipeline.ports import Row
from pipeline.tables import STATION_HOUR
from pipeline.typical_week import COLUMNS, DAYS, TypicalHour, typical_week

MOST_WEEKS = 52


async def station_week(
    context: Context, system_id: str, station_id: str, weeks: int, last: date | None
) -> list[TypicalHour]:
    """The station's 168 typical hours over so many weeks up to the local day last (None: yesterday).

    Raises BadInput.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        msg = f"weeks: {weeks} is not between 1 and {MOST_WEEKS}."
        raise BadInput(msg)
    zone, end = zone_of(context, system_id), last or yesterday(context, system_id)
    wanted = days(end - timedelta(days=DAYS * weeks - 1), end, DAYS * MOST_WEEKS)

    async def read(day: date) -> list[Row]:
        return await context.store.read(STATION_HOUR, (system_id, day), (station_id,), columns=COLUMNS)

    rows = list(chain.from_iterable(await gather(read, wanted)))
    return await asyncio.to_thread(typical_week, rows, wanted, zone)
