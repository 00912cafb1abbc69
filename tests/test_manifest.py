"""A day is computed again when its records, or what its figures mean, have changed; and only then."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from pipeline import lake
from pipeline.batch import compute_day
from pipeline.day_report import Outcome
from pipeline.days import local_day
from pipeline.inputs import INPUTS, Input, read_inputs
from pipeline.manifest import revision_of, take_back
from pipeline.metrics import REVISION
from pipeline.model import Record, Topic
from pipeline.past import open_past
from pipeline.ports import Log, Store
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.tables import BATCH_DAY, STATION_DAY, TABLES
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, SYSTEM, log_records, poll, rows, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

ZONE = "Europe/Paris"
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
AFTERWARDS = datetime(2026, 12, 1, tzinfo=UTC)


class Place(NamedTuple):
    """A log and a store, empty at first, and a Spark session to compute with."""

    spark: SparkSession
    settings: Settings
    log: Log
    store: Store

    async def compute(
        self, day: date = FIRST, now: datetime = AFTERWARDS, *, force: bool = False, **settings: Any
    ) -> Outcome:
        changed = self.settings.model_copy(update=settings)
        report = await compute_day(self.spark, self.log, self.store, changed, SYSTEM, ZONE, day, now, force=force)
        return report.outcome

    async def publish(self, *records: Record) -> None:
        await self.log.publish(SYSTEM, log_records(records))

    async def to_lake(self) -> None:
        """Move everything from the log to the lake."""
        end = await self.log.end_offsets(TOPICS)
        await lake.advance(self.spark, self.log, self.store, self.settings.lake, end)

    async def inputs(self, day: date = FIRST) -> dict[str, Input]:
        local = local_day(day, ZoneInfo(ZONE))
        past = await open_past(self.spark, self.settings.lake, self.log, self.store, INPUTS)
        return read_inputs(past, SYSTEM, local)

    async def manifest(self, day: date = FIRST) -> dict[str, Any]:
        return next(row for row in await rows(self.store, BATCH_DAY, SYSTEM) if row["date"] == day)


@pytest_asyncio.fixture
async def place(spark: SparkSession, tmp_path: Path) -> AsyncIterator[Place]:
    settings = Settings.read(data=tmp_path)
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(spark, settings, log, store)


async def test_a_day_of_which_nothing_has_changed_is_left_alone(place: Place) -> None:
    await place.publish(*poll(NOON, {"a": (1, 9), "b": (2, 8)}))
    assert await place.compute() is Outcome.COMPUTED
    first = await place.manifest()
    assert await place.compute() is Outcome.UNCHANGED
    assert await place.manifest() == first
    # Records of other days, and the way into the lake, change nothing of this one.
    await place.publish(*poll(NOON + timedelta(days=9), {"a": (5, 5)}))
    assert await place.compute() is Outcome.UNCHANGED
    await place.to_lake()
    assert await place.compute() is Outcome.UNCHANGED
    last = await place.manifest()
    assert {**last, "offsets": ""} == {**first, "offsets": ""}
    assert await place.compute(force=True) is Outcome.COMPUTED


async def test_a_late_record_lets_its_own_day_be_computed_again_and_no_other(place: Place) -> None:
    await place.publish(*poll(NOON, {"a": (1, 9)}))
    await place.publish(*poll(NOON + timedelta(days=1), {"a": (1, 9)}))
    assert [await place.compute(day) for day in (FIRST, SECOND)] == [Outcome.COMPUTED] * 2
    await place.publish(*poll(NOON + MINUTE, {"a": (7, 3)}))
    assert [await place.compute(day) for day in (FIRST, SECOND)] == [Outcome.COMPUTED, Outcome.UNCHANGED]
    (day,) = await rows(place.store, STATION_DAY, SYSTEM, FIRST)
    assert (day["bikes_max"], day["observed_seconds"]) == (7, 240.0)


async def test_a_late_record_that_holds_over_midnight_changes_both_days(place: Place) -> None:
    await place.publish(*poll(MIDNIGHT + 5 * MINUTE, {"a": (1, 9)}))
    assert [await place.compute(day) for day in (FIRST, SECOND)] == [Outcome.UNOBSERVED, Outcome.COMPUTED]
    await place.publish(*poll(MIDNIGHT - MINUTE, {"a": (1, 9)}))
    assert [await place.compute(day) for day in (FIRST, SECOND)] == [Outcome.COMPUTED] * 2


async def test_other_definitions_or_a_computation_cut_short_are_made_good(place: Place) -> None:
    await place.publish(*poll(NOON, {"a": (4, 6)}))
    await place.compute()
    assert await place.compute(nearly_empty=5) is Outcome.COMPUTED
    assert await place.compute(nearly_empty=5) is Outcome.UNCHANGED
    await take_back(place.store, SYSTEM, FIRST)
    assert await place.compute(nearly_empty=5) is Outcome.COMPUTED
    assert (await place.manifest())["revision"] == (
        f"{REVISION} nearly_empty=5 nearly_full=3 low_charge=0.2 abandoned_hours=24"
    )


async def test_a_day_that_was_not_over_is_computed_again(place: Place) -> None:
    await place.publish(*poll(NOON, {"a": (1, 9)}))
    soon = NOON + MINUTE
    assert [await place.compute(now=now) for now in (soon, soon)] == [Outcome.COMPUTED] * 2
    so_far = await place.manifest()
    assert (so_far["is_complete"], so_far["records"], "inputs" in so_far) == (False, 1, False)
    assert [await place.compute() for _ in range(2)] == [Outcome.COMPUTED, Outcome.UNCHANGED]


async def test_the_manifest_tells_what_was_read_and_made(place: Place) -> None:
    await place.publish(*poll(NOON, {"a": (1, 9), "b": (2, 8)}), vehicle("v", None, NOON))
    await place.to_lake()
    await place.publish(*poll(NOON + MINUTE, {"a": (1, 9), "b": (2, 8)}))
    await place.compute()
    noted = await place.manifest()
    inputs, offsets = json.loads(noted["inputs"]), json.loads(noted["offsets"])
    assert {topic: found["records"] for topic, found in inputs.items()} == {
        Topic.FEED_STATUS: 2,
        Topic.STATION_STATUS: 4,
        Topic.VEHICLE_STATUS: 1,
    }
    assert offsets["lake"] == {"feed_status/0": 1, "station_status/0": 3, "vehicle_status/0": 4}
    assert offsets["log"] == {"feed_status/0": 5, "station_status/0": 7, "vehicle_status/0": 4}
    made = json.loads(noted["rows"])
    assert (made["station_hour"], made["station_day"], made["network_day"]) == (48, 2, 1)
    assert (noted["version"], noted["revision"]) == (version("bikewire"), revision_of(place.settings.thresholds))
    assert (noted["polls"], noted["records"], noted["is_complete"]) == (2, 4, True)


async def test_a_record_counts_once_wherever_it_lies(place: Place) -> None:
    for number in range(3):
        await place.publish(*poll(NOON + number * MINUTE, {"a": (1, 9)}))
    in_log = await place.inputs()
    end = await place.log.end_offsets(TOPICS)
    lake.write_range(place.spark, place.log, Path(place.settings.lake), {}, end)
    in_both = await place.inputs()
    await place.to_lake()
    in_lake = await place.inputs()
    assert in_log == in_both == in_lake
    assert in_log[Topic.STATION_STATUS].records == 3
    # The same poll once more is another record.
    await place.publish(*poll(NOON, {"a": (1, 9)}))
    again = await place.inputs()
    assert {again[topic].records - in_log[topic].records for topic in INPUTS} == {0, 1}
    assert again[Topic.STATION_STATUS].digest != in_log[Topic.STATION_STATUS].digest
