"""A system of three stations for the tests of the API: a live table, a real store, and a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backend.context import Context
from backend.live import LiveSystem, LiveTable
from backend.schema import schema
from backend.seen_capacity import SeenCapacity
from pipeline.model import (
    FeedState,
    FeedStatus,
    NetworkStatus,
    StationInformation,
    StationStatus,
    SystemInformation,
    VehicleStatus,
)
from pipeline.ports import Row
from pipeline.settings import Settings
from pipeline.tables import TABLES, Table
from pipeline.wiring import open_store

SYSTEM = "brest"
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
POLL = NOW - timedelta(seconds=30)
HOLD = 180.0


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def information(station_id: str, name: str, lat: float, lon: float, capacity: int | None = 10) -> StationInformation:
    return StationInformation(
        system_id=SYSTEM, polled_at=POLL, station_id=station_id, name=name, lat=lat, lon=lon, capacity=capacity
    )


def status(
    station_id: str, bikes: int | None, docks: int | None, polled_at: datetime = POLL, **more: Any
) -> StationStatus:
    values: dict[str, Any] = {
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "changed": True,
        "seen_before": polled_at - minutes(1),
        "hold_seconds": HOLD,
        "stations_in_poll": 3,
    }
    return StationStatus(
        system_id=SYSTEM, polled_at=polled_at, station_id=station_id, bikes=bikes, docks=docks, **values | more
    )


def vehicle(vehicle_id: str, station_id: str | None = None, **more: Any) -> VehicleStatus:
    values: dict[str, Any] = {"lat": 48.39, "lon": -4.49, "is_reserved": False, "is_disabled": False}
    return VehicleStatus(
        system_id=SYSTEM,
        polled_at=POLL,
        vehicle_id=vehicle_id,
        station_id=station_id,
        hold_seconds=HOLD,
        vehicles_in_poll=4,
        **values | more,
    )


def feed(name: str, state: FeedState = FeedState.OK, polled_at: datetime = POLL, **more: Any) -> FeedStatus:
    return FeedStatus(
        system_id=SYSTEM,
        polled_at=polled_at,
        feed=name,
        state=state,
        is_observing=state in (FeedState.OK, FeedState.NOT_MODIFIED),
        interval_seconds=60.0,
        hold_seconds=HOLD,
        **more,
    )


def network(polled_at: datetime = POLL, **more: Any) -> NetworkStatus:
    values: dict[str, Any] = {
        "stations_expected": 3,
        "stations_reporting": 3,
        "bikes": 9,
        "docks": 21,
        "bikes_disabled": 1,
        "docks_disabled": 0,
        "stations_empty": 1,
        "stations_nearly_empty": 0,
        "stations_full": 0,
        "stations_nearly_full": 0,
        "stations_closed": 0,
        "stations_unknown": 0,
        "hold_seconds": HOLD,
    }
    return NetworkStatus(system_id=SYSTEM, polled_at=polled_at, **values | more)


def small_city() -> LiveSystem:
    """Gare (empty), Liberté (5 bikes, 9 docks) and Océan (4 bikes, 12 docks), from west to east; four vehicles."""
    city = LiveSystem(
        information=SystemInformation(
            system_id=SYSTEM, polled_at=POLL, name="Vélo", time_zone="Europe/Paris", operator="Ville"
        ),
        stations={
            "g": information("g", "Gare", 48.388, -4.480),
            "l": information("l", "Liberté", 48.390, -4.486, capacity=None),
            "o": information("o", "Océan", 48.384, -4.450),
        },
        vehicles={
            "v1": vehicle("v1", "l", charge=0.5),
            "v2": vehicle("v2", is_reserved=True, charge=0.9),
            "v3": vehicle("v3", "o", is_disabled=True, range_meters=12_000.0),
            "v4": vehicle("v4"),
        },
        network=network(),
        capacities={"g": SeenCapacity(14)},
    )
    statuses = [status("g", 0, 10), status("l", 5, 9, bikes_disabled=1), status("o", 4, 12)]
    city.load(statuses, [feed("station_status"), feed("station_information")], NOW)
    return city


@asynccontextmanager
async def open_context(folder: Path, now: datetime = NOW) -> AsyncIterator[Context]:
    """The small city with an empty store."""
    settings = Settings.read(data=folder)
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        yield Context(LiveTable({SYSTEM: small_city()}), store, settings, lambda: now)


async def fill(context: Context, table: Table, *rows: Row) -> None:
    """Write rows of the small city."""
    await context.store.write({table: [{"system_id": SYSTEM, **row} for row in rows]})


async def ask(context: Context, selection: str, **variables: Any) -> Any:
    """What the system answers to a selection; fails when there is an error."""
    query = f'{{ system(id: "{SYSTEM}") {{ {selection} }} }}'
    answer = await schema.execute(query, context_value=context, variable_values=variables)
    assert answer.errors is None
    assert answer.data is not None
    return answer.data["system"]


async def refusal(context: Context, selection: str) -> tuple[str, object]:
    """The sentence and the code with which the system refuses a selection."""
    answer = await schema.execute(f'{{ system(id: "{SYSTEM}") {{ {selection} }} }}', context_value=context)
    assert answer.errors is not None
    (error,) = answer.errors
    return error.message, (error.extensions or {}).get("code")
