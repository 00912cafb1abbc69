from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.days import LocalHour, UnknownTimeZone, local_day, time_zone

PARIS = ZoneInfo("Europe/Paris")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def clock(day: date, zone: ZoneInfo) -> list[int]:
    return [hour.hour for hour in local_day(day, zone).hours()]


def test_an_ordinary_day_begins_at_local_midnight_and_has_24_hours() -> None:
    day = local_day(date(2026, 3, 2), PARIS)
    assert (day.start, day.end) == (utc("2026-03-01T23:00"), utc("2026-03-02T23:00"))
    assert clock(day.date, PARIS) == list(range(24))
    assert day.hours()[19] == LocalHour(utc("2026-03-02T18:00"), utc("2026-03-02T19:00"), 19)


def test_a_day_on_which_clocks_go_forward_lacks_one_hour() -> None:
    day = local_day(date(2026, 3, 29), PARIS)
    assert day.end - day.start == timedelta(hours=23)
    assert clock(day.date, PARIS) == [0, 1, *range(3, 24)]


def test_a_day_on_which_clocks_go_back_has_one_hour_twice() -> None:
    day = local_day(date(2026, 10, 25), PARIS)
    assert day.end - day.start == timedelta(hours=25)
    assert clock(day.date, PARIS) == [0, 1, 2, 2, *range(3, 24)]


def test_hours_begin_at_half_past_utc_where_the_zone_is_half_an_hour_off() -> None:
    assert local_day(date(2026, 6, 1), ZoneInfo("Asia/Kolkata")).hours()[0] == LocalHour(
        utc("2026-05-31T18:30"), utc("2026-05-31T19:30"), 0
    )


def test_the_last_hour_is_half_where_clocks_move_by_half_an_hour() -> None:
    day = local_day(date(2026, 10, 4), ZoneInfo("Australia/Lord_Howe"))
    assert day.end - day.start == timedelta(hours=23, minutes=30)
    assert [hour.end - hour.start for hour in day.hours()][-2:] == [timedelta(hours=1), timedelta(minutes=30)]


def test_a_day_without_midnight_begins_when_clocks_skip_it() -> None:
    day = local_day(date(2026, 9, 6), ZoneInfo("America/Santiago"))
    assert day.start == utc("2026-09-06T04:00")
    assert clock(day.date, ZoneInfo("America/Santiago")) == list(range(1, 24))


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_the_hours_of_a_year_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    days = [local_day(date(2026, 1, 1) + timedelta(days=number), ZoneInfo(zone)) for number in range(365)]
    hours = [hour for day in days for hour in day.hours()]
    assert [hour.end for hour in hours[:-1]] == [hour.start for hour in hours[1:]]
    assert sum((hour.end - hour.start for hour in hours), timedelta()) == timedelta(days=365)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc", "/etc/localtime"])
def test_an_unknown_time_zone_is_named_with_its_system(name: str) -> None:
    with pytest.raises(UnknownTimeZone) as refused:
        time_zone("velozef", name)
    assert str(refused.value) == (
        f"velozef: {name!r} is not a time zone of the IANA database, so its local days are unknown."
    )
