"""What is done beside the stream: on time, again after a failure, and never taking what is still needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from pipeline import lake
from pipeline.instruments import StreamInstruments
from pipeline.logs import sentence
from pipeline.model import SystemInformation, Topic
from pipeline.ports import Consumed, Log, LogError, Row, Store, TopicPartition
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.tables import BATCH_DAY, NETWORK_HISTORY, STATION_DAY, SYSTEM, TABLES
from pipeline.tending import Chore, Tending
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, START, log_records, offsets, poll, rows
from tests.made_polls import SYSTEM as BREST

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2026, 3, 2, 20, 7, tzinfo=UTC)


class Place(NamedTuple):
    settings: Settings
    log: Log
    store: Store
    tending: Tending


@asynccontextmanager
async def opened(spark: SparkSession, folder: Path, **settings: object) -> AsyncIterator[Place]:
    read = Settings.read(data=folder, **settings)
    async with open_log(read.log) as log, open_store(read.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(read, log, store, Tending(spark, read, log, store))


async def test_a_chore_is_done_when_it_is_due_and_not_before() -> None:
    done: list[datetime] = []

    async def work(now: datetime) -> None:
        done.append(now)

    chore = Chore("dishes", work, timedelta(minutes=10), NOW)
    for minutes in (-1, 0, 5, 9, 10, 11):
        await chore.do(NOW + minutes * MINUTE, StreamInstruments())
    assert done == [NOW, NOW + 10 * MINUTE]


async def test_a_chore_that_was_only_begun_goes_on_after_the_others() -> None:
    done: list[datetime] = []

    async def work(now: datetime) -> bool:
        done.append(now)
        return len(done) < 3

    chore, instruments = Chore("dishes", work, timedelta(minutes=10), NOW), StreamInstruments()
    for minutes in (0, 1, 2, 3, 11, 12):
        await chore.do(NOW + minutes * MINUTE, instruments)
    assert done == [NOW + minutes * MINUTE for minutes in (0, 1, 2, 12)]


async def test_a_chore_that_fails_is_named_and_tried_again_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[int] = []

    async def work(now: datetime) -> None:
        tried.append(int((now - NOW).total_seconds()))
        if len(tried) < 5:
            msg = "the disk is full"
            raise LogError(msg)

    chore = Chore("dishes", work, timedelta(minutes=3), NOW)
    instruments = StreamInstruments()
    for seconds in range(0, 900, 10):
        await chore.do(NOW + timedelta(seconds=seconds), instruments)
    assert tried == [0, 30, 90, 210, 390, 570, 750]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"dishes: failed and is tried again in {seconds} s: the disk is full" for seconds in (30, 60, 120, 180)
    ]


def test_an_error_is_said_in_one_line() -> None:
    assert sentence(LogError("The log is full.")) == "The log is full."
    assert sentence(ValueError("first\nsecond")) == "first (ValueError)"
    assert sentence(KeyError()) == "no reason given (KeyError)"


@pytest.mark.spark
async def test_the_lake_gets_the_hours_that_were_over_five_minutes_ago(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        await place.log.publish(BREST, log_records(poll(START, {"a": (1, 9)})))
        appended = datetime.now(UTC)
        next_hour = (appended + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        await place.tending.advance_lake(next_hour + 4 * MINUTE)
        assert await place.store.offsets(lake.JOB) == {}
        await place.tending.advance_lake(next_hour + 5 * MINUTE)
        assert await place.store.offsets(lake.JOB) == await place.log.end_offsets(TOPICS)


@pytest.mark.spark
async def test_figures_are_those_of_today_and_of_yesterday_until_it_is_complete(
    spark: SparkSession, tmp_path: Path
) -> None:
    found = []
    async with opened(spark, tmp_path) as place:
        await place.store.write({SYSTEM: [system_row()]})
        now = datetime.now(UTC)
        for minutes in (0, 15):
            await place.tending.compute_figures(now + minutes * MINUTE)
            found.append(await computed(place))
    today = now.astimezone(ZoneInfo("Europe/Paris")).date()
    first, second = found
    assert list(first) == list(second) == [str(today - timedelta(days=1)), str(today)]
    (old_yesterday, old_today), (yesterday, new_today) = first.values(), second.values()
    assert (yesterday["is_complete"], new_today["is_complete"]) == (True, False)
    assert yesterday == old_yesterday
    assert new_today["computed_at"] > old_today["computed_at"]


def system_row(system_id: str = BREST, zone: str = "Europe/Paris") -> Row:
    return {"part": "all", "system_id": system_id, "polled_at": START, "time_zone": zone}


async def computed(place: Place) -> dict[str, dict[str, Any]]:
    """The manifests, by date."""
    return {str(row["date"]): row for row in await rows(place.store, BATCH_DAY, BREST)}


@pytest.mark.spark
async def test_a_replayed_night_gets_its_figures_and_leaves_the_live_day_as_it_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    async with opened(spark, tmp_path) as place:
        await place.store.write({SYSTEM: [system_row("atlantis", "Europe/Atlantis"), system_row()]})
        now = datetime.now(UTC)
        today = now.astimezone(ZoneInfo("Europe/Paris")).date()
        await place.log.publish(BREST, log_records(poll(now - MINUTE, {"a": (1, 9)})))
        await place.tending.compute_figures(now)
        live = await rows(place.store, STATION_DAY, BREST, today)
        for number in (0, 1):
            await place.log.publish(BREST, log_records(poll(START + number * MINUTE, {"a": (5, 5)})))
            # As once an hour, when the hour in which these were published is full.
            await place.tending.advance_lake(datetime.now(UTC) + timedelta(hours=2))
            await place.tending.compute_late_figures(now)
        found = await computed(place)
        assert (found[str(START.date())]["polls"], found[str(START.date())]["is_complete"]) == (2, True)
        assert await rows(place.store, STATION_DAY, BREST, today) == live
        assert [row["bikes_max"] for row in await rows(place.store, STATION_DAY, BREST, START.date())] == [5]
        assert sorted(found) == [str(START.date()), str(today - timedelta(days=1)), str(today)]
        await place.tending.compute_late_figures(now)
        assert await computed(place) == found
        # The process after this one knows that nothing is late.
        assert await place.store.offsets("figures") == await place.store.offsets(lake.JOB)


@pytest.mark.spark
async def test_the_newest_day_before_a_pause_is_finished_after_it(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        await place.store.write({SYSTEM: [system_row()]})
        begun: Row = {"system_id": BREST, "date": date(2026, 2, 26), "computed_at": START, "polls": 0, "records": 0}
        await place.store.write({BATCH_DAY: [{**begun, "is_complete": False, "revision": "r"}]})
        await place.tending.compute_figures(NOW)
        found = await computed(place)
    assert [(day, row["is_complete"]) for day, row in sorted(found.items())] == [
        ("2026-02-26", True),
        ("2026-03-01", True),
        ("2026-03-02", True),
    ]


@pytest.mark.spark
async def test_the_log_keeps_what_stream_or_lake_still_need(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path, retention_days=1) as place:
        for number in range(3):
            await place.log.publish(BREST, log_records(poll(START + number * MINUTE, {"a": (1, 9)})))
        later = datetime.now(UTC) + timedelta(days=2)

        async def kept() -> int:
            await place.tending.retire_log(later)
            everything = await place.log.end_offsets(TOPICS)
            frame = place.log.frame(spark, TOPICS, {}, everything)
            return await asyncio.to_thread(frame.count)

        assert await kept() == 6
        await place.store.write({}, Consumed("stream", offsets(6, TOPICS)))
        assert await kept() == 6
        await place.store.write({}, Consumed(lake.JOB, offsets(4, TOPICS)))
        assert await kept() == 2


@pytest.mark.spark
async def test_a_topic_with_nothing_new_does_not_hold_the_log_up(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path, retention_days=1) as place:
        system = SystemInformation(system_id=BREST, polled_at=START, name="Brest", time_zone="Europe/Paris")
        await place.log.publish(BREST, log_records([system, *poll(START, {"a": (1, 9)})]))
        # As the stream counts: behind each topic's own last record.
        ends = {Topic.SYSTEM_INFORMATION: 1, Topic.FEED_STATUS: 2, Topic.STATION_STATUS: 3}
        consumed = {TopicPartition(topic, 0): end for topic, end in ends.items()}
        await place.store.write({}, Consumed("stream", consumed))
        await place.store.write({}, Consumed(lake.JOB, offsets(3, TOPICS)))
        await place.tending.retire_log(datetime.now(UTC) + timedelta(days=2))
        frame = place.log.frame(spark, TOPICS, {}, offsets(3, TOPICS))
        assert await asyncio.to_thread(frame.collect) == []


@pytest.mark.spark
async def test_rows_that_outlived_their_table_are_removed(spark: SparkSession, tmp_path: Path) -> None:
    async with opened(spark, tmp_path) as place:
        row: Row = {"system_id": BREST, "day": START.date(), "polled_at": START, "bikes": 1}
        await place.store.write({NETWORK_HISTORY: [row]})
        await place.tending.expire_store(datetime.now(UTC))
        assert len(await rows(place.store, NETWORK_HISTORY, BREST, START.date())) == 1
        await place.tending.expire_store(datetime.now(UTC) + timedelta(days=500))
        assert await rows(place.store, NETWORK_HISTORY, BREST, START.date()) == []
