"""When the stream lets Spark generate code: for what is worth it, and with the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.ports import STEP_SETTING
from pipeline.spark import generate_code
from pipeline.tables import NETWORK_HISTORY
from tests.made_polls import MINUTE, START, log_records, poll, rows
from tests.made_polls import SYSTEM as BREST
from tests.opened_stream import caught_up, opened

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


async def test_code_is_generated_for_large_micro_batches_and_kept_for_smaller_ones(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stream.SMALL_RECORDS", 100)
    monkeypatch.setattr("pipeline.stream.COMPILED_RECORDS", 10)
    said: list[bool] = []

    def listen(session: SparkSession, is_worth_it: bool) -> None:
        said.append(is_worth_it)
        generate_code(session, is_worth_it)

    monkeypatch.setattr("pipeline.stream.generate_code", listen)
    # The second backlog is a small one: nothing was generated for it, so nothing is there to be used again.
    sizes, expected = ([20, 5, 120, 20, 5], [20, 5]), ([True, True, False, True, True, False], [False, False, False])
    async with opened(spark, tmp_path) as place:
        place.stream._spark.conf.set(STEP_SETTING, 1)  # noqa: SLF001  # its session is no one else's
        at, bikes = START, list[int]()
        for backlog, generated in zip(sizes, expected, strict=True):
            for size in backlog:
                await place.log.publish(BREST, log_records(poll(at, {f"s{number}": (1, 9) for number in range(size)})))
                at, bikes = at + MINUTE, [*bikes, size]
            said.clear()
            await caught_up(spark, place)
            assert said == generated
        assert [row["bikes"] for row in await rows(place.store, NETWORK_HISTORY, BREST, START.date())] == bikes
