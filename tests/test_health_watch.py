"""Who watches the feeds' health: a change is told, and what stands still in busy hours is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.feed_health import FeedHealth, judge
from backend.health_watch import HealthWatch
from backend.live import Applied, LiveTable
from backend.stillness import days_that_moved, observed_stillness
from pipeline.model import FeedState, Topic
from pipeline.ports import Store, TopicPartition
from pipeline.settings import Settings
from pipeline.tables import NETWORK_HISTORY, TABLES
from pipeline.wiring import open_store
from tests.small_city import NOW, SYSTEM, feed, minutes, small_city, status

HOURS = timedelta(hours=3)
PLACE = TopicPartition(Topic.STATION_STATUS, 0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(Settings.read(data=tmp_path).store) as store:
        await store.create(TABLES)
        yield store


async def fill(store: Store, end: datetime, bikes: Sequence[int]) -> None:
    """Polls up to ``end`` (excluded) with these bikes in all."""
    first = end - minutes(10) * len(bikes)
    polls = [first + minutes(10) * number for number in range(len(bikes))]
    zeros = {
        name: 0
        for name, kind in NETWORK_HISTORY.columns.items()
        if kind == "long" and name not in {"bikes", "vehicles_outside_stations"}
    } | {"hold_seconds": 900.0}
    rows: list[dict[str, Any]] = [
        {"system_id": SYSTEM, "day": polled_at.date(), "polled_at": polled_at, **zeros, "bikes": count}
        for polled_at, count in zip(polls, bikes, strict=True)
    ]
    await store.write({NETWORK_HISTORY: rows})


def watch(store: Store, folder: Path) -> tuple[HealthWatch, LiveTable]:
    table = LiveTable({SYSTEM: small_city()})
    return HealthWatch(table, store, Settings.read(data=folder), lambda: NOW), table


BUSY = list(range(18))
STILL = [7] * 18


async def test_counts_that_stand_still_in_busy_hours_are_frozen_until_one_moves(store: Store, tmp_path: Path) -> None:
    watching, table = watch(store, tmp_path)
    live = table.systems[SYSTEM]
    for days in (1, 2, 3):
        await fill(store, NOW - timedelta(days=days), STILL if days == 3 else BUSY)
    await fill(store, NOW, [*STILL, 7, 7])
    await watching.check_frozen()
    assert judge(live, feed("station_status"), NOW, 300) == (
        FeedHealth.FROZEN,
        "No count has changed since 2026-11-20 14:40 UTC; on 2 of 3 earlier days they did in these hours.",
    )
    moved = status("g", 3, 7, NOW)
    live.apply([Applied(PLACE, 1, moved)], NOW)
    assert (live.moved_at, live.frozen) == (NOW, None)


@pytest.mark.parametrize(
    ("today", "before"),
    [
        pytest.param([*STILL, 7, 7], [], id="nobody knows how it was before"),
        pytest.param([*STILL, 7, 7], [STILL, STILL, BUSY], id="hours that are quiet on other days"),
        pytest.param([*STILL, 7, 7], [[*STILL[:12], *BUSY[12:]]], id="hours of which only the last is busy"),
        pytest.param(BUSY, [BUSY], id="a day like any other"),
        pytest.param([7] * 6, [BUSY], id="not known for long enough"),
    ],
)
async def test_nothing_else_is_frozen(
    store: Store, tmp_path: Path, today: Sequence[int], before: Sequence[Sequence[int]]
) -> None:
    watching, table = watch(store, tmp_path)
    for days, bikes in enumerate(before, 1):
        await fill(store, NOW - timedelta(days=days), bikes)
    await fill(store, NOW, today)
    await watching.check_frozen()
    assert table.systems[SYSTEM].frozen is None


async def test_a_feed_that_is_not_fresh_is_nothing_worse_than_that(store: Store, tmp_path: Path) -> None:
    watching, table = watch(store, tmp_path)
    await fill(store, NOW - timedelta(days=1), BUSY)
    await fill(store, NOW, [*STILL, 7, 7])
    table.systems[SYSTEM].feeds["station_status"] = feed("station_status", FeedState.UNREACHABLE)
    await watching.check_frozen()
    assert table.systems[SYSTEM].frozen is None


async def test_the_last_move_is_found_over_midnight(store: Store) -> None:
    midnight = datetime.combine(date(2026, 11, 21), datetime.min.time(), NOW.tzinfo)
    await fill(store, midnight + minutes(30), [1, 1, 2, 2, 2, 2])
    assert await observed_stillness(store, SYSTEM, midnight + minutes(60)) == (midnight - minutes(10), 1800.0)
    assert await observed_stillness(store, "nobody", midnight) is None


async def test_time_in_which_nobody_looked_is_no_stillness(store: Store) -> None:
    await fill(store, NOW - minutes(300), [7, 7])
    await fill(store, NOW, [7])
    assert await observed_stillness(store, SYSTEM, NOW) == (NOW - minutes(320), 600.0 + 900.0)


async def test_the_server_itself_counts_the_time_in_which_it_saw_nothing_move(store: Store, tmp_path: Path) -> None:
    watching, table = watch(store, tmp_path)
    live = table.systems[SYSTEM]
    await fill(store, NOW - timedelta(days=1), BUSY)
    start = NOW - HOURS - minutes(6)
    live.statuses["g"], live.polled_at = status("g", 1, 9, start), start
    for number in range(1, 64):
        at = start + minutes(3) * number
        live.apply([Applied(PLACE, number, status("g", 2, 8, at))], NOW)
    assert (live.moved_at, live.still_seconds) == (start + minutes(3), 62 * 180.0)
    await watching.check_frozen()
    assert (live.frozen or "").startswith("No count has changed since 2026-11-20 14:57 UTC; on 1 of 1 earlier days")


async def test_days_that_were_not_seen_do_not_vote(store: Store) -> None:
    await fill(store, NOW - timedelta(days=1), BUSY)
    await fill(store, NOW - timedelta(days=2), BUSY[:9])
    assert await days_that_moved(store, SYSTEM, NOW - HOURS, NOW) == (1, 1)


async def test_a_change_wakes_those_who_wait_and_nothing_else_does(store: Store, tmp_path: Path) -> None:
    watching, table = watch(store, tmp_path)
    live = table.systems[SYSTEM]
    woken = asyncio.create_task(live.health_changed.wait())
    await watching.judge()
    await watching.judge()
    assert not woken.done()
    live.feeds["station_status"] = feed("station_status", FeedState.REFUSED)
    await watching.judge()
    async with asyncio.timeout(10):
        await woken
