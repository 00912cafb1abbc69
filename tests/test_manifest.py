"""A day is computed again when its records, or what its figures mean, have changed; and only then."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pipeline.day_report import Outcome
from pipeline.manifest import revision_of, take_back
from pipeline.metrics import REVISION
from pipeline.model import Topic
from pipeline.tables import STATION_DAY
from tests.computed_days import FIRST, MIDNIGHT, NOON, SECOND, Place, opened
from tests.made_polls import MINUTE, SYSTEM, poll, rows, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest_asyncio.fixture
async def place(spark: SparkSession, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(spark, tmp_path) as found:
        yield found


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
