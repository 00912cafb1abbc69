"""The live table as the store knows it: where the relay starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from backend.live import NEVER, VEHICLE_FEEDS, LiveSystem, LiveTable
from backend.seen_capacity import SeenCapacity
from pipeline.model import (
    FeedStatus,
    NetworkStatus,
    Record,
    StationInformation,
    StationStatus,
    SystemInformation,
    VehicleStatus,
)
from pipeline.ports import Row, Store
from pipeline.tables import (
    FEED_LATEST,
    NETWORK_HISTORY,
    STATION,
    STATION_CAPACITY,
    STATION_LATEST,
    SYSTEM,
    VEHICLE_LATEST,
)

Kind = TypeVar("Kind", bound=Record)


async def restore(table: LiveTable, store: Store, now: datetime) -> None:
    """Fill the table from the store; raises StoreError."""
    for row in await store.read(SYSTEM, ("all",)):
        information = _record(SystemInformation, row)
        table.system(information.system_id).information = information
        await _restore_system(table.system(information.system_id), information.system_id, store, now)


async def restore_capacities(table: LiveTable, store: Store) -> None:
    """Read the observed capacities again; the batch computes them."""
    for system_id, system in table.systems.items():
        system.capacities = await _capacities(system_id, store)


async def _restore_system(system: LiveSystem, system_id: str, store: Store, now: datetime) -> None:
    part = (system_id,)
    stations = [_record(StationInformation, row) for row in await store.read(STATION, part)]
    system.stations = {station.station_id: station for station in stations}
    statuses = [_record(StationStatus, row, changed=False) for row in await store.read(STATION_LATEST, part)]
    feeds = [_record(FeedStatus, row) for row in await store.read(FEED_LATEST, part)]
    system.load(statuses, feeds, now)
    vehicles = [_record(VehicleStatus, row, vehicles_in_poll=0) for row in await store.read(VEHICLE_LATEST, part)]
    _load_vehicles(system, vehicles)
    system.network = await _newest_network(system, system_id, store)
    system.capacities = await _capacities(system_id, store)


def _load_vehicles(system: LiveSystem, vehicles: Iterable[VehicleStatus]) -> None:
    """The vehicles of the newest poll that carried the feed; older rows are of vehicles that left."""
    known = list(vehicles)
    polls = [feed.polled_at for feed in system.feeds.values() if feed.is_observing and feed.feed in VEHICLE_FEEDS]
    system.vehicles_polled_at = max([*polls, *(vehicle.polled_at for vehicle in known)], default=NEVER)
    newest = (vehicle for vehicle in known if vehicle.polled_at == system.vehicles_polled_at)
    system.vehicles = {vehicle.vehicle_id: vehicle for vehicle in newest}


async def _newest_network(system: LiveSystem, system_id: str, store: Store) -> NetworkStatus | None:
    """The newest totals: of the newest poll's UTC day, or of the day before."""
    if system.polled_at is None:
        return None
    day = system.polled_at.date()
    for candidate in (day, day - timedelta(days=1)):
        rows = await store.read(NETWORK_HISTORY, (system_id, candidate), limit=1, newest_first=True)
        if rows:
            return _record(NetworkStatus, rows[0])
    return None


async def _capacities(system_id: str, store: Store) -> dict[str, SeenCapacity]:
    rows: list[Mapping[str, Any]] = [*await store.read(STATION_CAPACITY, (system_id,))]
    # A station at which nothing was ever seen has no observed capacity.
    return {row["station_id"]: SeenCapacity(row["capacity_observed"] or None, row["is_placeholder"]) for row in rows}


def _record(kind: type[Kind], row: Row, **more: Any) -> Kind:
    """The record of a row, with ``more`` for what the table does not keep."""
    fields = [field for field in msgspec.structs.fields(kind) if field.name in row]
    values = {field.name: row[field.name] for field in fields if field.required or row[field.name] is not None}
    return msgspec.convert({**values, **more}, kind)
