from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest_asyncio

from pipeline.day_figures import DayFigures, keep
from pipeline.days import local_day
from pipeline.ports import Row, Store
from pipeline.tables import NETWORK_DAY, STATION_DAY, TABLES
from pipeline.wiring import open_store

TODAY = local_day(date(2026, 6, 2), ZoneInfo("Europe/Paris"))
YESTERDAY: Row = {"system_id": "brest", "date": date(2026, 6, 1), "polls": 5, "bikes_mean": 3.0}


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url) as opened:
        await opened.create(TABLES)
        await opened.write({NETWORK_DAY: [YESTERDAY]})
        yield opened


def network(**values: float | None) -> DayFigures:
    return DayFigures({NETWORK_DAY: [{"system_id": "brest", "date": TODAY.date, "polls": 1, **values}]})


async def kept(store: Store) -> list[dict[str, object]]:
    rows = await store.read(NETWORK_DAY, ("brest",))
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


async def test_a_network_day_is_put_beside_the_others(store: Store) -> None:
    await keep(store, "brest", TODAY, network(bikes_mean=1.5))
    assert await kept(store) == [YESTERDAY, {"system_id": "brest", "date": TODAY.date, "polls": 1, "bikes_mean": 1.5}]


async def test_a_value_of_the_network_that_is_no_longer_known_goes(store: Store) -> None:
    await keep(store, "brest", TODAY, network(bikes_mean=1.5, docks_mean=2.5))
    await keep(store, "brest", TODAY, network(bikes_mean=1.25, docks_mean=None))
    assert await kept(store) == [YESTERDAY, {"system_id": "brest", "date": TODAY.date, "polls": 1, "bikes_mean": 1.25}]


async def test_a_network_day_without_data_goes_and_the_others_stay(store: Store) -> None:
    await keep(store, "brest", TODAY, network(bikes_mean=1.5))
    await keep(store, "brest", TODAY, DayFigures())
    assert await kept(store) == [YESTERDAY]


async def test_a_station_that_is_no_longer_in_the_day_goes(store: Store) -> None:
    def station(station_id: str) -> Row:
        return {"system_id": "brest", "date": TODAY.date, "station_id": station_id}

    await keep(store, "brest", TODAY, DayFigures({STATION_DAY: [station("a"), station("b")]}))
    await keep(store, "brest", TODAY, DayFigures({STATION_DAY: [station("b")]}))
    assert [row["station_id"] for row in await store.read(STATION_DAY, ("brest", TODAY.date))] == ["b"]
