"""Runs of `bikewire batch` over days, each in a process of its own: it ends the Spark session it has started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pipeline.ports import Row
from pipeline.settings import Settings
from pipeline.tables import BATCH_DAY, STATION_CAPACITY, SYSTEM
from tests.computed_city import JUNE, NOON, PARIS, City, opened
from tests.running import BIKEWIRE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest_asyncio.fixture
async def city(spark: SparkSession, tmp_path: Path, engine_urls: tuple[str, str]) -> AsyncIterator[City]:
    async with opened(spark, tmp_path, *engine_urls) as place:
        yield place


def batch_command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [BIKEWIRE, "batch", *arguments, "--data", str(settings.data)]
    places = {"BIKEWIRE_LOG": settings.log, "BIKEWIRE_STORE": settings.store, "COLUMNS": "200"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=100, env={**os.environ, **places}
    )


def system_row(system_id: str, zone: str) -> Row:
    return {"part": "all", "system_id": system_id, "polled_at": NOON, "time_zone": zone}


async def test_a_run_computes_the_days_of_every_system_and_skips_one_whose_time_zone_is_unknown(city: City) -> None:
    await city.poll(NOON, a=5)
    await city.store.write({SYSTEM: [system_row("atlantis", "Europe/Atlantis"), system_row("velozef", PARIS)]})
    run = batch_command(city.settings, "--from", "2026-06-01", "--to", "2026-06-02")
    unknown, first, second, bar, summary = run.stdout.splitlines()
    assert unknown == (
        "atlantis: 'Europe/Atlantis' is not a time zone of the IANA database, so its local days are unknown."
    )
    assert first.startswith("velozef 2026-06-01: 1 stations, 1 polls, 1 records, coverage 0.2%, in ")
    assert second == "velozef 2026-06-02: nothing was observed."
    assert "4/4" in bar
    assert summary == "Days computed: 1, unchanged: 0, with nothing observed: 1."
    assert [row["capacity_observed"] for row in await city.store.read(STATION_CAPACITY, ("velozef",))] == [15]
    assert [row["date"] for row in await city.store.read(BATCH_DAY, ("velozef",))] == [JUNE, date(2026, 6, 2)]


async def test_a_run_for_a_system_that_is_not_there_names_those_that_are(city: City) -> None:
    nobody = batch_command(city.settings, "--date", "2026-06-01")
    assert nobody.stderr.strip() == (
        "No system is known yet: poll or replay one, and run `bikewire stream --available-now` first."
    )
    await city.store.write({SYSTEM: [system_row("velozef", PARIS)]})
    wrong = batch_command(city.settings, "--date", "2026-06-01", "--system", "metz")
    assert (wrong.returncode, wrong.stderr.strip()) == (1, "There is no system 'metz'; there are: velozef.")
