"""The live table from the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.live import LiveTable
from backend.restore import restore, restore_capacities
from pipeline.model import FeedState, Record
from pipeline.ports import Row
from pipeline.settings import Settings
from pipeline.tables import (
    FEED_LATEST,
    NETWORK_HISTORY,
    STATION,
    STATION_CAPACITY,
    STATION_LATEST,
    SYSTEM,
    TABLES,
    VEHICLE_LATEST,
    Table,
)
from pipeline.wiring import open_store
from tests.small_city import NOW, POLL, feed, information, minutes, network, status, vehicle

KNOWN: Row = {"part": "all", "system_id": "brest", "polled_at": POLL, "name": "Vélo", "time_zone": "UTC"}


def row(table: Table, record: Record, **more: Any) -> dict[str, Any]:
    """The record as the stream writes it."""
    from msgspec.structs import asdict

    return {name: value for name, value in (asdict(record) | more).items() if name in table.columns}


@pytest.fixture
async def restored(tmp_path: Path) -> LiveTable:
    table = LiveTable()
    old = POLL - minutes(1)
    async with open_store(Settings.read(data=tmp_path).store) as store:
        await store.create(TABLES)
        await store.write(
            {
                SYSTEM: [KNOWN],
                STATION: [row(STATION, information("g", "Gare", 48.0, -4.0))],
                STATION_LATEST: [row(STATION_LATEST, status("g", 0, None))],
                FEED_LATEST: [row(FEED_LATEST, feed("station_status", FeedState.UNREACHABLE, NOW, reason="No route."))],
                VEHICLE_LATEST: [
                    row(VEHICLE_LATEST, vehicle("v1", still_since=old)),
                    row(VEHICLE_LATEST, vehicle("gone"), polled_at=old),
                ],
                NETWORK_HISTORY: [row(NETWORK_HISTORY, network(old), day=old.date()), _totals()],
                STATION_CAPACITY: [
                    {"system_id": "brest", "station_id": "g", "capacity_observed": 14, "date": POLL.date()}
                ],
            }
        )
        await restore(table, store, NOW)
        await restore_capacities(table, store)
    return table


def _totals() -> dict[str, Any]:
    more = {f"stations_{name}": 1 for name in ("empty", "full")}
    return row(NETWORK_HISTORY, network(POLL), day=POLL.date()) | more


async def test_the_newest_of_everything_is_restored(restored: LiveTable) -> None:
    system = restored.systems["brest"]
    assert system.information is not None
    assert (system.information.name, system.stations["g"].name, system.capacities) == ("Vélo", "Gare", {"g": 14})
    assert (system.statuses["g"].bikes, system.statuses["g"].docks, system.polled_at) == (0, None, POLL)
    assert (system.network and system.network.polled_at, list(system.vehicles)) == (POLL, ["v1"])
    assert system.vehicles["v1"].still_since == POLL - minutes(1)


async def test_a_feed_keeps_why_it_was_not_taken(restored: LiveTable) -> None:
    known = restored.systems["brest"].feeds["station_status"]
    assert (known.state, known.reason, known.deviations) == (FeedState.UNREACHABLE, "No route.", 0)


@pytest.mark.parametrize(("age", "bikes"), [(minutes(24 * 60), 9), (minutes(48 * 60), None)])
async def test_totals_of_the_day_before_are_restored_and_older_ones_not(
    tmp_path: Path, age: timedelta, bikes: int | None
) -> None:
    table, old = LiveTable(), POLL - age
    async with open_store(Settings.read(data=tmp_path).store) as store:
        await store.create(TABLES)
        totals = row(NETWORK_HISTORY, network(old), day=old.date())
        rows: dict[Table, list[Row]] = {
            SYSTEM: [KNOWN],
            STATION_LATEST: [row(STATION_LATEST, status("g", 0, 1))],
            NETWORK_HISTORY: [totals],
        }
        await store.write(rows)
        await restore(table, store, NOW)
    found = table.systems["brest"].network
    assert (found.bikes if found else None) == bikes


async def test_a_system_without_polls_is_restored(tmp_path: Path) -> None:
    table = LiveTable()
    async with open_store(Settings.read(data=tmp_path).store) as store:
        await store.create(TABLES)
        await store.write({SYSTEM: [KNOWN]})
        await restore(table, store, NOW)
    assert (table.systems["brest"].polled_at, table.systems["brest"].network) == (None, None)


async def test_an_empty_store_restores_nothing(tmp_path: Path) -> None:
    table = LiveTable()
    async with open_store(Settings.read(data=tmp_path).store) as store:
        await store.create(TABLES)
        await restore(table, store, datetime.now(UTC))
    assert table.systems == {}
