"""The status: what is there, as figures and as tables."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import tables
from pipeline.model import FeedState, Topic
from pipeline.ports import Consumed, LogRecord, Row, TopicPartition, Value
from pipeline.settings import Settings
from pipeline.status import DayReport, FeedReport, JobReport, Status, SystemReport, read_status
from pipeline.status_view import view
from pipeline.wiring import open_log, open_store

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
POLL = NOW - timedelta(seconds=75)
REASON = "answered 503 \x1b[31m[bold]"


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A folder with three records, two of them consumed by the stream, one system, and a computed day."""
    settings = Settings.read(data=tmp_path / "data")
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(tables.TABLES)
        await log.publish("brest", [LogRecord(Topic.STATION_STATUS, f"brest/{n}", b"{}") for n in range(3)])
        end = (await log.end_offsets([Topic.STATION_STATUS]))[TopicPartition(Topic.STATION_STATUS, 0)]
        consumed = Consumed("stream", {TopicPartition(Topic.STATION_STATUS, 0): end - 1})
        key: dict[str, Value] = {"system_id": "brest", "polled_at": POLL}
        feed: Row = {**key, "is_observing": True, "interval_seconds": 60.0, "hold_seconds": 180.0, "deviations": 0}
        rows: dict[tables.Table, list[Row]] = {
            tables.SYSTEM: [{"part": "all", **key, "name": "Brest", "time_zone": "Europe/Paris"}],
            tables.STATION: [{**key, "station_id": "s", "name": "S", "lat": 48.4, "lon": -4.5, "is_virtual": False}],
            tables.FEED_LATEST: [
                {**feed, "feed": "station_status", "state": "OK", "deviations": 2},
                {**feed, "feed": "vehicle_status", "state": "REFUSED", "reason": REASON},
            ],
            tables.BATCH_DAY: [
                {
                    **{"system_id": "brest", "date": date(2026, 11, 19), "computed_at": NOW, "version": "0"},
                    **{"records": 5, "polls": 4, "is_complete": True},
                }
            ],
        }
        await store.write(rows, consumed)
    (tmp_path / "data" / "lake" / "part").mkdir(parents=True)
    (tmp_path / "data" / "lake" / "part" / "file.parquet").write_bytes(b"x" * 1234)
    return settings


async def test_the_status_tells_what_is_there(settings: Settings) -> None:
    status = await read_status(settings, NOW)
    feeds = (
        FeedReport("station_status", FeedState.OK, POLL, None, 2),
        FeedReport("vehicle_status", FeedState.REFUSED, POLL, REASON, 0),
    )
    days = (DayReport(date(2026, 11, 19), 4, True),)
    assert status == Status(
        data=str(settings.data),
        log_end=status.log_end,
        jobs=(JobReport("stream", 1), JobReport("lake", None)),
        systems=(SystemReport("brest", "Brest", 1, POLL, 75.0, feeds, days),),
        sizes={"log": status.sizes["log"], "store": status.sizes["store"], "lake": 1234},
    )
    assert status.sizes["log"] > 0
    assert status.sizes["store"] > 0


async def test_the_tables_say_it_in_words_and_show_a_feeds_text_as_text(settings: Settings) -> None:
    screen = Console(file=io.StringIO(), width=200)
    screen.print(view(await read_status(settings, NOW)))
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    expected = [
        "1 behind",
        "has not run yet",
        "brest: Brest, stations: 1, newest poll 1 min 15 s ago",
        "answered 503  [31m[bold]",
        "Days computed: 1, 2026-11-19 to 2026-11-19.",
        "1.2 kB",
    ]
    assert [words for words in expected if words not in text] == []


async def test_an_empty_folder_stays_empty(tmp_path: Path) -> None:
    settings = Settings.read(data=tmp_path / "data")
    status = await read_status(settings, NOW)
    assert status == Status(str(tmp_path / "data"), 0, (), (), {"log": 0, "store": 0, "lake": 0})
    assert not settings.data.exists()
