"""Whose day it is: the time zones of the live systems."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from backend.context import Context
from backend.scalars import BadInput
from pipeline.days import UnknownTimeZone, time_zone


def zone_of(context: Context, system_id: str) -> ZoneInfo:
    """The system's time zone; raises BadInput when there is no such zone, and so no local day to ask for."""
    information = context.live.systems[system_id].information
    try:
        return time_zone(system_id, information.time_zone if information else "UTC")
    except UnknownTimeZone as error:
        raise BadInput(str(error)) from error


def yesterday(context: Context, system_id: str) -> date:
    """The last local day that is over; raises BadInput like `zone_of`."""
    return context.clock().astimezone(zone_of(context, system_id)).date() - timedelta(days=1)
