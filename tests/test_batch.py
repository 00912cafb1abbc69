from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
import pytest_asyncio

from pipeline import lake
from pipeline.batch import compute_day
from pipeline.days import local_day
from pipeline.model import Topic
from pipeline.ports import Row
from pipeline.replay import replay
from pipeline.tables import BATCH_DAY, NETWORK_DAY, STATION_CAPACITY, STATION_DAY, STATION_EPISODE, STATION_HOUR
from tests import figures_oracle
from tests.computed_city import AFTERWARDS, FIGURES, HOLD, JUNE, NOON, PARIS, City, opened
from tests.observed_world import World, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

EVENING, MORNING = date(2026, 3, 2), date(2026, 3, 3)


@pytest_asyncio.fixture
async def city(spark: SparkSession, tmp_path: Path, engine_urls: tuple[str, str]) -> AsyncIterator[City]:
    async with opened(spark, tmp_path, *engine_urls) as place:
        yield place


# The recorded night


def recorded(shared_data: Path) -> tuple[pa.Table, pa.Table]:
    """The night's flat table as station_status and feed_status, times cut to milliseconds as in records."""
    (path,) = (shared_data / "velozef").glob("station_status_1min_*.csv.gz")
    night = pyarrow.csv.read_csv(path)
    cut = night["fetched_at"].cast(pa.timestamp("ms", "UTC"), safe=False)
    polled_at = cut.cast(pa.timestamp("us", "UTC"))
    size = night.num_rows
    statuses = pa.table(
        {
            "system_id": night["system_id"],
            "station_id": night["station_id"],
            "polled_at": polled_at,
            "offset": pa.array(range(size)),
            "bikes": night["num_bikes_available"],
            "docks": night["num_docks_available"],
            "bikes_disabled": pa.nulls(size, pa.int64()),
            "docks_disabled": pa.nulls(size, pa.int64()),
            "is_installed": pa.array([True] * size),
            "is_renting": pa.compute.cast(night["is_renting"], pa.bool_()),
            "is_returning": pa.compute.cast(night["is_returning"], pa.bool_()),
        }
    )
    polls = pc.unique(polled_at)
    feeds = pa.table(
        {
            "system_id": ["velozef"] * len(polls),
            "feed": ["station_status"] * len(polls),
            "polled_at": polls,
            "offset": range(len(polls)),
            "is_observing": [True] * len(polls),
            "hold_seconds": [HOLD] * len(polls),
            "entities_expected": [41] * len(polls),
        }
    )
    return statuses, feeds


def assert_equals_oracle(rows: dict[str, list[Row]], oracle: figures_oracle.Oracle) -> None:
    hours = {(row["system_id"], row["station_id"], row["start"]): row for row in rows["station_hour"]}
    days = {(row["system_id"], row["station_id"]): row for row in rows["station_day"]}
    observed_hours = {key: row for key, row in hours.items() if row["observed_seconds"]}
    assert differences(observed_hours, oracle.hours) == []
    assert differences(days, oracle.days) == []
    assert differences({row["system_id"]: row for row in rows["network_day"]}, oracle.networks) == []
    networks = {(row["system_id"], row["start"]): row for row in rows["network_hour"] if row["observed_seconds"]}
    assert differences(networks, oracle.network_hours) == []
    episodes = {
        tuple(row[name] for name in STATION_EPISODE.key if name != "date"): row for row in rows["station_episode"]
    }
    assert differences(episodes, oracle.episodes) == []


@pytest.mark.parametrize("lies_in", ["lake and log", "both twice"])
async def test_the_recorded_night_equals_duckdb(city: City, shared_data: Path, lies_in: str) -> None:
    polls = shared_data / "velozef" / "polls.ndjson.gz"
    await replay(polls, city.log, city.settings, speed=None)
    end = await city.log.end_offsets(list(Topic))
    if lies_in == "lake and log":
        end = {place: offset // 2 for place, offset in end.items()}
    await lake.advance(city.spark, city.log, city.store, city.settings.lake, end)
    if lies_in == "both twice":
        await replay(polls, city.log, city.settings, speed=None)
    statuses, feeds = recorded(shared_data)
    for day in (EVENING, MORNING):
        await city.compute(day)
        local = local_day(day, ZoneInfo(PARIS))
        oracle = figures_oracle.figures(statuses, feeds, World().vehicle_table(), PARIS, day, local.end)
        rows = await city.rows(day)
        assert len(rows["station_hour"]) == 41 * 24
        assert len(oracle.days) == 41
        assert_equals_oracle(rows, oracle)


async def test_the_gap_of_two_hours_shows_as_lost_coverage_and_adds_nothing(city: City, shared_data: Path) -> None:
    await replay(shared_data / "velozef" / "polls.ndjson.gz", city.log, city.settings, speed=None)
    report = await city.compute(EVENING)
    assert str(report).startswith("velozef 2026-03-02: 41 stations, 139 polls, 5,699 records, coverage 9.8%, in ")
    rows = (await city.rows(EVENING))["station_hour"]
    in_the_gap = [row for row in rows if row["start"] == datetime(2026, 3, 2, 20, tzinfo=UTC)]
    assert len(in_the_gap) == 41
    assert {(row["hour"], row["coverage"], row["empty_seconds"], row["bikes_mean"]) for row in in_the_gap} == {
        (21, 0.0, 0.0, None)
    }


# Days made here


async def test_computing_a_day_again_changes_nothing(city: City) -> None:
    await city.poll(NOON, a=1, b=2)
    await city.compute(JUNE)
    once = await city.rows(JUNE)
    await city.compute(JUNE, force=True)
    assert await city.rows(JUNE) == once


async def test_what_holds_over_midnight_counts_on_both_days(city: City) -> None:
    midnight = local_day(JUNE, ZoneInfo(PARIS)).end
    await city.poll(midnight - timedelta(seconds=60), a=3)
    days = [await city.compute(JUNE), await city.compute(JUNE + timedelta(days=1))]
    assert [(day.polls, day.records, day.coverage) for day in days] == [(1, 1, 60 / 86_400), (0, 0, 120 / 86_400)]
    (row,) = (await city.rows(JUNE + timedelta(days=1)))["station_day"]
    assert (row["observed_seconds"], row["bikes_mean"], row["capacity_seen"]) == (120.0, 3.0, 13)


async def test_today_so_far_has_the_hours_that_have_begun_and_counts_no_time_to_come(city: City) -> None:
    await city.poll(NOON, a=0)
    report = await city.compute(JUNE, now=NOON + timedelta(seconds=45))
    assert (report.is_complete, report.coverage) == (False, 45 / 86_400)
    rows = (await city.rows(JUNE))["station_hour"]
    assert [row["hour"] for row in rows] == list(range(13))
    assert (rows[-1]["empty_seconds"], rows[-1]["coverage"]) == (45.0, 45 / 3600)
    (done,) = await city.store.read(BATCH_DAY, ("velozef",))
    assert (done["date"], done["polls"], done["records"], done["is_complete"]) == (JUNE, 1, 1, False)


async def test_a_poll_without_stations_ends_their_states_and_observes_the_network(city: City) -> None:
    await city.poll(NOON, a=5)
    await city.poll(NOON + timedelta(seconds=30))
    await city.compute(JUNE)
    rows = await city.rows(JUNE)
    assert [row["observed_seconds"] for row in rows["station_day"]] == [30.0]
    assert [(row["observed_seconds"], row["polls"], row["bikes_min"]) for row in rows["network_day"]] == [(210.0, 2, 5)]


async def test_a_day_without_data_loses_the_rows_it_had(city: City) -> None:
    stale: dict[str, Any] = {"system_id": "velozef", "date": JUNE, "station_id": "gone", "bikes_mean": 1.0}
    other: Row = {"system_id": "velozef", "date": JUNE - timedelta(days=1), "polls": 7}
    await city.store.write(
        {
            STATION_HOUR: [stale | {"start": NOON}],
            STATION_DAY: [stale],
            NETWORK_DAY: [{"system_id": "velozef", "date": JUNE, "bikes_mean": 1.0}, other],
            STATION_CAPACITY: [{"system_id": "velozef", "station_id": "gone", "capacity_observed": 9}],
        }
    )
    report = await city.compute(JUNE)
    assert str(report) == "velozef 2026-06-01: nothing was observed."
    assert await city.rows(JUNE) == {table.name: [] for table in (*FIGURES, NETWORK_DAY)}
    assert await city.store.read(STATION_CAPACITY, ("velozef",)) == []
    assert [row["polls"] for row in await city.store.read(NETWORK_DAY, ("velozef",))] == [7]


async def test_another_systems_records_do_not_count(city: City) -> None:
    await city.poll(NOON, a=5)
    report = await compute_day(city.spark, city.log, city.store, city.settings, "metz", PARIS, JUNE, AFTERWARDS)
    assert (report.stations, report.polls) == (0, 0)
