"""The figures of today, of many systems: all get their turn, whatever becomes of others, and the stream its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.model import Topic
from pipeline.ports import Consumed, Log, Row, Store, StoreError
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.tables import SYSTEM, TABLES
from pipeline.today import Today
from pipeline.wiring import open_log, open_store
from tests.made_polls import START, log_records, offsets, poll
from tests.made_polls import SYSTEM as BREST

NOW = datetime(2026, 3, 2, 20, 7, tzinfo=UTC)
DAYS = [date(2026, 3, 1), date(2026, 3, 2)]
PERIOD = timedelta(minutes=15)


class Place(NamedTuple):
    """``computed`` are the days in the order in which they were; those of ``broken`` systems can't be."""

    log: Log
    store: Store
    today: Today
    computed: list[tuple[str, date]]
    broken: set[str]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    computed: list[tuple[str, date]] = []
    broken: set[str] = set()

    async def compute(system_id: str, zone: str, day: date) -> None:
        if system_id in broken:
            msg = f"{system_id} can't be read"
            raise StoreError(msg)
        computed.append((system_id, day))

    settings = Settings.read(data=tmp_path)
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(log, store, Today(log, store, compute, PERIOD), computed, broken)


async def known(place: Place, **zones: str) -> None:
    rows: list[Row] = [
        {"part": "all", "system_id": name, "polled_at": START, "time_zone": zone} for name, zone in zones.items()
    ]
    await place.store.write({SYSTEM: rows})


async def test_each_system_gets_its_days_once_a_round(place: Place) -> None:
    await known(place, brest="Europe/Paris", tokyo="Asia/Tokyo")
    assert [await place.today.go_on(NOW + at * PERIOD) for at in (0, 0.5, 1)] == [False] * 3
    brest = [("brest", day) for day in DAYS]
    tokyo = [("tokyo", day + timedelta(days=1)) for day in DAYS]
    assert place.computed == [*brest, *tokyo] * 2


async def test_a_round_goes_on_where_the_last_turn_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.today.TURN_SECONDS", 0)
    await known(place, a="UTC", b="UTC", c="UTC")
    # However long the round takes: the last system gets its figures before the first gets them again.
    assert [await place.today.go_on(NOW + at * PERIOD) for at in range(3)] == [True, True, False]
    assert [system_id for system_id, _ in place.computed] == ["a", "a", "b", "b", "c", "c"]


async def test_a_system_that_fails_costs_the_others_nothing_and_is_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await known(place, a="UTC", b="Europe/Atlantis", c="UTC")
    place.broken.add("a")
    for _ in range(2):
        with pytest.raises(StoreError, match="a can't be read"):
            await place.today.go_on(NOW)
    assert place.computed == [("c", day) for day in DAYS]
    place.broken.clear()
    await place.today.go_on(NOW)
    await place.today.go_on(NOW)
    assert place.computed == [(name, day) for name in ("c", "a") for day in DAYS]
    said = [record.getMessage() for record in caplog.records]
    assert "figures: those of a are tried again after the others': a can't be read" in said
    assert any("Europe/Atlantis" in line for line in said)


async def test_figures_wait_for_a_stream_that_has_much_to_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.today.MANY_RECORDS", 1)
    await known(place, a="UTC")
    await place.log.publish(BREST, log_records(poll(START, {"s": (1, 9), "t": (2, 8)})))
    await place.store.write({}, Consumed("stream", offsets(0, TOPICS)))
    turn = asyncio.create_task(place.today.go_on(NOW))
    done, _ = await asyncio.wait([turn], timeout=0.3)
    assert not done
    await place.store.write({}, Consumed("stream", await place.log.end_offsets(TOPICS)))
    assert await asyncio.wait_for(turn, 10) is False
    assert len(place.computed) == 2


async def test_figures_do_not_wait_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.today.MANY_RECORDS", 1)
    monkeypatch.setattr("pipeline.today.PATIENCE_SECONDS", 0.05)
    await known(place, a="UTC")
    await place.log.publish(BREST, log_records(poll(START, {"s": (1, 9), "t": (2, 8)})))
    await place.store.write({}, Consumed("stream", offsets(0, TOPICS)))
    await asyncio.wait_for(place.today.go_on(NOW), 10)
    assert len(place.computed) == 2
