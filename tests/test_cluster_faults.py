"""The stream on a real Spark cluster of a master and two workers: the rows that local[2] makes, whatever is killed."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow.dataset as ds
import pytest

from pipeline.cluster import SparkLost
from pipeline.tables import NETWORK_DAY, STATION_DAY, STATION_HOUR
from tests.running import Running
from tests.servers.kafka import KafkaServer
from tests.servers.spark import SparkWorker
from tests.spark_cluster import Site, SparkCluster, rows_of, start

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.engine, pytest.mark.spark, pytest.mark.timeout(240)]

FIGURES = (STATION_HOUR, STATION_DAY, NETWORK_DAY)
DAY = "2026-03-02"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    found = SparkCluster(tmp_path_factory.mktemp("spark_cluster"))
    try:
        found.start()
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def site(cluster: SparkCluster, kafka_server: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    found = Site(folder, f"{kafka_server.url}?prefix={uuid4().hex[:8]}.", cluster.master.url)
    asyncio.run(found.begin())
    yield found
    found.stop()


@pytest.fixture
def apart(cluster: SparkCluster, tmp_path: Path) -> Iterator[SparkWorker]:
    """A worker that finds another folder where the others find the lake."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a process can't be given a file system of its own here")
    lake = tmp_path / "cluster" / "lake"
    lake.mkdir(parents=True)
    worker = SparkWorker(tmp_path / "worker", cluster.master, hides=lake)
    yield worker
    worker.kill()


def ended(running: Running, seconds: float = 90) -> tuple[int, list[str]]:
    """The exit code of a `bikewire` that ends by itself, and all that it said."""
    return running.wait(seconds), running.lines


def in_lake(folder: str) -> dict[str, list[str]]:
    """The rows of each topic in the lake."""
    return {
        topic.name: sorted(map(str, ds.dataset(topic, partitioning=None).to_table().to_pylist()))
        for topic in Path(folder).iterdir()
        if not topic.name.startswith("_")
    }


async def test_the_night_and_its_figures_are_those_of_local(site: Site, spark: SparkSession) -> None:
    site.stop()
    await site.publish(50)
    for arguments in (["stream", "--available-now"], ["batch", "--date", DAY]):
        with site.bikewire(*arguments) as running:
            assert ended(running)[0] == 0, running.lines
    streamed = await site.undisturbed(spark)
    await site.undisturbed_figures(spark, date.fromisoformat(DAY))
    assert await site.rows() == streamed
    assert await site.rows(FIGURES) == await rows_of(site.undisturbed_settings.store, FIGURES)
    assert in_lake(site.settings.lake) == in_lake(site.undisturbed_settings.lake)
    assert len(streamed["network_history"]) == 2 * site.polls == 100


async def test_workers_killed_under_work_cost_nothing(site: Site, cluster: SparkCluster, spark: SparkSession) -> None:
    """One that stays away, while the other goes on alone; then both at once."""
    stream = site.stream()
    async with site.polling():
        await site.until_totals()
        cluster.workers[0].kill()
        await site.until_totals()
        await asyncio.to_thread(start, cluster.workers[:1])
        for worker in cluster.workers:
            worker.kill()
        await asyncio.to_thread(start, cluster.workers)
        await site.until_totals()
    await site.until_done()
    assert stream.process.poll() is None
    assert await site.rows() == await site.undisturbed(spark)


async def test_the_master_killed_and_back_and_the_driver_killed_cost_nothing(
    site: Site, cluster: SparkCluster, spark: SparkSession
) -> None:
    """Without a master the executors go on. One that comes back knows workers and applications, and serves new ones."""
    stream = site.stream()
    async with site.polling():
        await site.until_totals()
        cluster.master.kill()
        await site.until_totals()
        await asyncio.to_thread(cluster.master.start)
        await site.until_totals()
        assert stream.process.poll() is None
        stream.process.kill()
        await asyncio.to_thread(stream.wait, 10)
        assert site.stream() is not stream
        await site.until_totals()
    await site.until_done()
    assert await site.rows() == await site.undisturbed(spark)


async def test_without_workers_all_ends_with_a_sentence_and_a_new_process_goes_on(
    site: Site, cluster: SparkCluster, spark: SparkSession
) -> None:
    stream = site.stream()
    await site.publish(1)
    await site.until_done()
    for worker in cluster.workers:
        worker.kill()
    await site.publish(3)
    with site.bikewire("batch", "--date", DAY) as batch:
        undisturbed = await site.undisturbed(spark)
        ends = [await asyncio.to_thread(ended, running) for running in (stream, batch)]
    sentence = (
        "Spark has had no executor for 30 s, and there is work for one:"
        f" no worker of {cluster.master.url} has a core and BIKEWIRE_SPARK_EXECUTOR_MEMORY to give."
    )
    assert [(code, lines[-1]) for code, lines in ends] == [(SparkLost.exit_code, sentence)] * 2
    assert [line for line in ends[1][1] if "Traceback" in line] == []
    site.stream()
    await asyncio.to_thread(start, cluster.workers)
    await site.until_done()
    assert await site.rows() == undisturbed


async def test_a_lake_that_a_worker_does_not_share_is_refused(
    site: Site, cluster: SparkCluster, apart: SparkWorker, tmp_path: Path
) -> None:
    site.stop()
    other = Site(tmp_path, site.settings.log.replace("?prefix=", "?prefix=apart."), cluster.master.url)
    await other.begin()
    await other.publish(1)
    for worker in cluster.workers:
        worker.kill()
    await asyncio.to_thread(apart.start)
    with other.bikewire("stream", "--available-now") as running:
        code, lines = await asyncio.to_thread(ended, running)
    await asyncio.to_thread(start, cluster.workers)
    assert (code, lines[-1]) == (
        1,
        f"BIKEWIRE_LAKE: of 2 records that Spark wrote to '{other.settings.lake}', 0 are there;"
        " the folder must be the same one on this machine and on every Spark worker.",
    )
