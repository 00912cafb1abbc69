"""Which days are late: what came into the lake, beside what was computed when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from pipeline import lake
from pipeline.lake import LakeHour, LakeReport
from pipeline.late import LateDay, LateDays
from pipeline.manifest import Manifest, Position, manifest_row
from pipeline.ports import Consumed, Row, Store, TopicPartition
from pipeline.tables import BATCH_DAY, LAKE_HOUR, SYSTEM, TABLES
from pipeline.wiring import open_store

ZONE = "Europe/Paris"
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
NIGHT = datetime(2026, 6, 5, 2, tzinfo=UTC)
THE_5TH, THE_6TH, TODAY = date(2026, 6, 5), date(2026, 6, 6), date(2026, 6, 10)
COMPUTED = datetime(2026, 6, 7, tzinfo=UTC)
BEFORE, AFTER = COMPUTED - timedelta(hours=1), COMPUTED + timedelta(hours=1)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}") as opened:
        await opened.create(TABLES)
        systems = {"atlantis": "Europe/Atlantis", "brest": ZONE}
        rows: list[Row] = [
            {"part": "all", "system_id": system_id, "polled_at": NOW, "time_zone": zone}
            for system_id, zone in systems.items()
        ]
        await opened.write({SYSTEM: rows})
        yield opened


async def written(store: Store, written_at: datetime, *starts: datetime, system_id: str = "brest") -> LakeReport:
    """Records came into the lake, in these hours."""
    rows: list[Row] = [{"system_id": system_id, "start": start, "written_at": written_at} for start in starts]
    end = int(written_at.timestamp())
    await store.write({LAKE_HOUR: rows}, Consumed(lake.JOB, {TopicPartition("feed_status", 0): end}))
    return LakeReport(1, 0.0, {LakeHour(system_id, start): written_at for start in starts})


async def computed(store: Store, day: date, at: datetime = COMPUTED, *, is_complete: bool = True) -> None:
    manifest = Manifest(at, 1, 1, is_complete, "r", {}, Position(at, {}, {}))
    await store.write({BATCH_DAY: [manifest_row("brest", day, manifest, {})]})


async def late(days: LateDays) -> list[date]:
    found = await days.find(NOW)
    assert found == [LateDay("brest", ZONE, day.date) for day in found]
    return [day.date for day in found]


@pytest.mark.parametrize(("written_at", "expected"), [(BEFORE, []), (COMPUTED, [THE_5TH]), (AFTER, [THE_5TH])])
async def test_a_day_is_late_that_got_records_after_it_was_computed(
    store: Store, written_at: datetime, expected: list[date]
) -> None:
    await computed(store, THE_5TH)
    await written(store, written_at, NIGHT)
    assert await late(LateDays(store)) == expected


async def test_records_may_hold_into_the_day_after_theirs_if_that_was_computed(store: Store) -> None:
    for day in (THE_5TH, THE_6TH):
        await computed(store, day)
    await written(store, AFTER, NIGHT)
    assert await late(LateDays(store)) == [THE_5TH, THE_6TH]


async def test_days_of_a_replayed_night_that_were_never_computed_are_late_and_today_is_not(store: Store) -> None:
    await written(store, AFTER, NIGHT - timedelta(hours=5), NIGHT, NOW - timedelta(hours=1))
    days = LateDays(store)
    assert await late(days) == [date(2026, 6, 4), THE_5TH]
    for day in (date(2026, 6, 4), THE_5TH):
        await computed(store, day, AFTER + timedelta(hours=1))
    assert await late(days) == []


async def test_a_day_that_was_not_over_when_it_was_computed_is_late(store: Store) -> None:
    await computed(store, THE_5TH, is_complete=False)
    await written(store, BEFORE, NIGHT)
    assert await late(LateDays(store)) == [THE_5TH]


async def test_what_is_written_later_is_looked_at_by_itself(store: Store) -> None:
    await computed(store, THE_5TH)
    days = LateDays(store)
    days.note(await written(store, BEFORE, NIGHT))
    assert await late(days) == []
    days.note(await written(store, AFTER, NIGHT))
    # It stays late until it is computed.
    assert [await late(days), await late(days)] == [[THE_5TH]] * 2
    await computed(store, THE_5TH, AFTER + timedelta(hours=1))
    assert await late(days) == []


async def test_after_a_start_nothing_is_looked_up_unless_something_may_be_late(store: Store) -> None:
    await computed(store, THE_5TH)
    await written(store, BEFORE, NIGHT)
    assert await late(LateDays(store)) == []
    # Had the table been read, this hour would be found: but the lake is where it was.
    await store.write({LAKE_HOUR: [{"system_id": "brest", "start": NIGHT, "written_at": AFTER}]})
    assert await late(LateDays(store)) == []
    await written(store, AFTER, NIGHT)
    assert await late(LateDays(store)) == [THE_5TH]
    assert await late(LateDays(store)) == [THE_5TH]


async def test_days_of_an_unknown_time_zone_are_never_late(store: Store) -> None:
    days = LateDays(store)
    days.note(await written(store, AFTER, NIGHT, system_id="atlantis"))
    assert await late(days) == []


async def test_a_day_that_an_older_version_computed_is_late_by_its_time(store: Store) -> None:
    row: Row = {"system_id": "brest", "date": THE_5TH, "computed_at": COMPUTED, "polls": 1, "records": 1}
    await store.write({BATCH_DAY: [{**row, "is_complete": True, "version": "0.1.0"}]})
    await written(store, AFTER, NIGHT)
    assert await late(LateDays(store)) == [THE_5TH]
