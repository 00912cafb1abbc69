"""Local days and their hours: where they begin and end, from the time zone's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.ports import BikewireError

HOUR = timedelta(hours=1)


class UnknownTimeZone(BikewireError):
    """A system names a time zone that does not exist; the text names both."""


class LocalHour(NamedTuple):
    """An hour of a local day, from ``start`` up to and without ``end`` (UTC).

    ``hour`` is what a clock on the wall shows at its start: on the day with 25 hours one number comes twice.
    """

    start: datetime
    end: datetime
    hour: int


class LocalDay(NamedTuple):
    """A local day, from ``start`` up to and without ``end`` (UTC): 23, 24 or 25 hours."""

    date: date
    zone: ZoneInfo
    start: datetime
    end: datetime

    def hours(self) -> list[LocalHour]:
        """The day's hours, counted from its start; the last is shorter where clocks move by half an hour."""
        return [
            LocalHour(start, min(start + HOUR, self.end), start.astimezone(self.zone).hour)
            for start in _every_hour(self.start, self.end)
        ]


def local_day(day: date, zone: ZoneInfo) -> LocalDay:
    return LocalDay(day, zone, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def time_zone(system_id: str, name: str) -> ZoneInfo:
    """The time zone of that name; raises UnknownTimeZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"{system_id}: {name!r} is not a time zone of the IANA database, so its local days are unknown."
        raise UnknownTimeZone(msg) from error


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # Where clocks skip midnight this is the instant of the skip; where they repeat it, the first of the two.
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _every_hour(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR
