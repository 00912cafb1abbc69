"""What the batch would have computed of the published city: weeks of figures with gaps, episodes and service levels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from pipeline.ports import Row
from pipeline.tables import (
    NETWORK_DAY,
    NETWORK_HOUR,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HOUR,
    STATION_SERVICE,
    Table,
)
from tests.small_city import SYSTEM

ZONE = ZoneInfo("Europe/Paris")
HOUR = 3_600_000_000  # microseconds
UNSEEN_HOURS = (3, 4)
HALF_SEEN_HOUR = 13

SERVICE: dict[str, list[tuple[int, int, int, int]]] = {
    "g": [(hour, 0, 5, HOUR) for hour in range(24)],
    "l": [(hour, 5, 5, HOUR) for hour in range(6, 12)],
    "o": [(hour, 1 if hour in (8, 9) else 3, 5, HOUR) for hour in range(24)],
}
"""From 06:00 to 22:00: Gare never has a bike; Liberté always, but it was seen for 6 hours; Océan lacks two hours."""

EMPTY_SHARES = {"g": 0.5, "l": 0.0, "o": 0.125}


def filled(now: datetime, weeks: int = 2) -> dict[Table, list[dict[str, Any]]]:
    """Rows of the local days before today's."""
    today = now.astimezone(ZONE).date()
    days = [today - timedelta(days=count) for count in range(1, 7 * weeks + 1)]
    rows = {
        STATION_HOUR: [row for day in days for row in _station_hours(day)],
        STATION_DAY: [_station_day(station, day) for day in days for station in EMPTY_SHARES],
        STATION_SERVICE: [_service(station, day) for day in days for station in SERVICE],
        STATION_EPISODE: list(_episodes(days[0])),
        NETWORK_HOUR: [_network_hour(days[0], hour) for hour in _seen()],
        NETWORK_DAY: [_network_day(days[0])],
    }
    return {table: [{"system_id": SYSTEM, **row} for row in found] for table, found in rows.items()}


def _seen() -> list[int]:
    return [hour for hour in range(24) if hour not in UNSEEN_HOURS]


def _start(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)


def _coverage(hour: int) -> dict[str, float]:
    share = 0.5 if hour == HALF_SEEN_HOUR else 1.0
    return {"observed_seconds": 3600 * share, "coverage": share}


def _station_hours(day: date) -> Iterator[Row]:
    """Half a bike more at Liberté with each hour of the day."""
    for hour in _seen():
        counts = {"bikes_mean": hour / 2, "bikes_min": hour // 2, "bikes_max": (hour + 1) // 2}
        docks = {"docks_mean": 12 - hour / 2, "docks_min": 12 - (hour + 1) // 2, "docks_max": 12 - hour // 2}
        when: Row = {"date": day, "hour": hour, "start": _start(day, hour)}
        yield {"station_id": "l", **when, **counts, **docks, **_seconds(), **_coverage(hour)}


def _seconds(empty: float = 0.0) -> dict[str, float]:
    names = ("full", "nearly_empty", "nearly_full", "closed", "unknown")
    return {"empty_seconds": empty, **{f"{name}_seconds": 0.0 for name in names}}


def _station_day(station: str, day: date) -> Row:
    observed = {"observed_seconds": 43_200.0, "coverage": 0.5}
    flows = {"arrivals_debounced": 30, "departures_debounced": 34, "turnover": 2.6}
    return {
        "station_id": station,
        "date": day,
        "bikes_mean": 4.0,
        "capacity_seen": 12,
        **_seconds(43_200.0 * EMPTY_SHARES[station]),
        **observed,
        **flows,
    }


def _service(station: str, day: date) -> Row:
    return {"station_id": station, "date": day, "hours": orjson.dumps(SERVICE[station]).decode()}


def _episodes(day: date) -> Iterator[Row]:
    place: Row = {"station_id": "l", "date": day}
    yield {**place, "state": "EMPTY", "start": _start(day, 8), "seconds": 7500.0, "is_censored": False}
    yield {**place, "state": "FULL", "start": _start(day, 22), "seconds": 5400.0, "is_censored": True}


def _network(hour: int) -> Row:
    return {
        "polls": 60,
        "bikes_mean": 30.0 + hour,
        "fleet_mean": 70.5,
        "stations_empty_mean": 1.25,
        "stations_full_mean": 0.5,
        "stations_unusable_mean": 1.75,
        "arrivals_debounced": hour,
        "departures_debounced": 2 * hour,
        "unknown_seconds": 0.0,
        "empty_episodes": 0,
        "full_episodes": 0,
    }


def _network_hour(day: date, hour: int) -> Row:
    when: Row = {"date": day, "hour": hour, "start": _start(day, hour)}
    vehicles = {"vehicles_observed_seconds": 0.0, "vehicles_coverage": 0.0}
    return {**when, **_network(hour), **_coverage(hour), **vehicles}


def _network_day(day: date) -> Row:
    observed = {"observed_seconds": 77_400.0, "coverage": 0.9, "vehicles_observed_seconds": 0.0}
    more = {"vehicles_coverage": 0.0, "stations_unusable_max": 3, "empty_share": 0.31, "full_share": 0.0}
    times = {"empty_episodes": 9, "empty_episode_median_seconds": 3900.0, "full_episodes": 0}
    return {"date": day, **_network(12), **observed, **more, **times, "departures_debounced": 480, "turnover": 6.8}
