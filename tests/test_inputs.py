"""What reaches into a day is counted once wherever it lies, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pipeline import lake
from pipeline.inputs import INPUTS
from pipeline.model import Topic
from pipeline.results import TOPICS
from tests.computed_days import FIRST, MIDNIGHT, NOON, SECOND, Place, opened
from tests.made_polls import MINUTE, feed, poll, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest_asyncio.fixture
async def place(spark: SparkSession, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(spark, tmp_path) as found:
        yield found


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


@pytest.mark.parametrize("lies_in", ["log", "lake"])
async def test_what_reaches_into_a_day_is_what_was_polled_in_it_and_what_holds_into_it(
    place: Place, lies_in: str
) -> None:
    held = MIDNIGHT - 2 * MINUTE
    await place.publish(*poll(held - 2 * MINUTE, {"a": (1, 9)}), vehicle("v", None, held - 2 * MINUTE))
    await place.publish(*poll(held, {"a": (1, 9), "b": (2, 8)}), vehicle("v", None, held))
    await place.publish(*poll(MIDNIGHT, {"a": (1, 9)}), feed("system_information", MIDNIGHT))
    await place.publish(*poll(MIDNIGHT + timedelta(days=1), {"a": (1, 9)}))
    if lies_in == "lake":
        await place.to_lake()
    found = await place.inputs(SECOND)
    assert [found[topic].records for topic in INPUTS] == [2, 3, 1]
    before = await place.inputs(FIRST)
    assert [before[topic].records for topic in INPUTS] == [2, 3, 2]
    assert {topic: (await place.inputs(FIRST - timedelta(days=1)))[topic].records for topic in INPUTS} == dict.fromkeys(
        INPUTS, 0
    )
