"""What the batch computed of hours and days, read for the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain

from backend.context import Context
from backend.ranges import days, gather
from pipeline.ports import Row, Value
from pipeline.tables import NETWORK_DAY, NETWORK_HOUR, STATION_DAY, STATION_HOUR, Table

MOST_HOUR_DAYS = 31
MOST_DAYS = 92
MOST_NETWORK_DAYS = 366

Columns = Sequence[str] | None
"""The only columns wanted of the rows; None for all."""


async def station_hours(
    context: Context, system_id: str, station_id: str, first: date, last: date, columns: Columns = None
) -> list[Row]:
    """The station's computed hours of the local days first to last, rows of station_hour; raises BadInput."""
    wanted = days(first, last, MOST_HOUR_DAYS)
    return await _of_days(context, STATION_HOUR, system_id, wanted, (station_id,), columns)


async def station_days(
    context: Context, system_id: str, station_id: str, first: date, last: date, columns: Columns = None
) -> list[Row]:
    """The station's computed days, rows of station_day; raises BadInput."""
    return await _of_days(context, STATION_DAY, system_id, days(first, last, MOST_DAYS), (station_id,), columns)


async def day_of_stations(context: Context, system_id: str, day: date, columns: Columns = None) -> list[Row]:
    """The day of every station, rows of station_day by station id."""
    return await context.store.read(STATION_DAY, (system_id, day), columns=columns)


async def network_hours(context: Context, system_id: str, first: date, last: date) -> list[Row]:
    """The network's computed hours, rows of network_hour; raises BadInput."""
    return await _of_days(context, NETWORK_HOUR, system_id, days(first, last, MOST_HOUR_DAYS))


async def network_days(context: Context, system_id: str, first: date, last: date) -> list[Row]:
    """The network's computed days, rows of network_day; raises BadInput."""
    after = days(first, last, MOST_NETWORK_DAYS)[-1] + timedelta(days=1)
    return await context.store.read(NETWORK_DAY, (system_id,), lower=first, upper=after)


async def _of_days(
    context: Context,
    table: Table,
    system_id: str,
    wanted: Sequence[date],
    prefix: tuple[Value, ...] = (),
    columns: Columns = None,
) -> list[Row]:
    async def read(day: date) -> list[Row]:
        return await context.store.read(table, (system_id, day), prefix, columns=columns)

    return list(chain.from_iterable(await gather(read, wanted)))
