"""A Spark cluster's masters are read from their URL, and what is wrong with them is told in a sentence."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.cluster import (
    Address,
    Lifeline,
    SparkLost,
    cluster_settings,
    driver_address,
    is_cluster,
    masters,
)
from pipeline.settings import Settings
from pipeline.spark import parallelism
from tests.running import running
from tests.servers.process import free_port

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("spark://one:7077", [Address("one", 7077)]),
        ("spark://one:7077,two:7078", [Address("one", 7077), Address("two", 7078)]),
        ("spark://127.0.0.1:7077", [Address("127.0.0.1", 7077)]),
    ],
)
def test_a_url_names_one_master_or_more(url: str, expected: list[Address]) -> None:
    assert is_cluster(url)
    assert masters(url) == expected


@pytest.mark.parametrize(
    "url", ["local[2]", "spark://", "spark://one", "spark://one:", "spark://one:7077,", "spark://one:7077/a", "yarn"]
)
def test_what_is_no_url_of_masters_is_no_cluster(url: str) -> None:
    assert not is_cluster(url)


def test_the_driver_is_reached_at_its_address_on_the_way_to_the_first_master_that_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as master:
        url = f"spark://127.0.0.1:{free_port()},127.0.0.1:{master.getsockname()[1]}"
        settings = Settings.read(data=tmp_path, spark=url, spark_cores=6, spark_executor_memory="2g")
        assert driver_address(settings) == "127.0.0.1"
        found = cluster_settings(settings, ["-XX:TieredStopAtLevel=1"])
    assert {name: found[f"spark.{name}"] for name in ("driver.host", "driver.bindAddress", "cores.max")} == {
        "driver.host": "127.0.0.1",
        "driver.bindAddress": "127.0.0.1",
        "cores.max": "6",
    }
    assert found["spark.executor.memory"] == "2g"
    assert found["spark.executor.extraJavaOptions"] == "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    assert parallelism(settings) == 6


def test_a_name_that_is_given_for_the_driver_may_lead_to_any_of_its_addresses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as master:
        url = f"spark://127.0.0.1:{master.getsockname()[1]}"
        found = cluster_settings(Settings.read(data=tmp_path, spark=url, spark_driver_host="stream"))
    assert (found["spark.driver.host"], found["spark.driver.bindAddress"]) == ("stream", "0.0.0.0")


@pytest.mark.parametrize("command", [["stream"], ["stream", "--available-now"]])
def test_masters_that_do_not_answer_are_told_at_once(tmp_path: Path, command: list[str]) -> None:
    url = f"spark://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    started = time.monotonic()
    with running(*command, "--data", tmp_path, BIKEWIRE_SPARK=url) as process:
        code = process.wait(60)
    assert (code, process.lines) == (SparkLost.exit_code, [f"BIKEWIRE_SPARK: no Spark master answers at {url}."])
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("master", ["yarn", "spark://one", "spark://one:7077,"])
def test_a_setting_that_is_no_master_ends_the_stream_for_good(tmp_path: Path, master: str) -> None:
    with running("stream", "--data", tmp_path, BIKEWIRE_SPARK=master) as process:
        code = process.wait(60)
    sentence = (
        f"BIKEWIRE_SPARK: {master!r} is no Spark master that Bikewire knows;"
        " use local[N], e.g. local[2], or spark://HOST:PORT."
    )
    assert (code, process.lines) == (2, [sentence])


@pytest.mark.spark
async def test_on_one_machine_there_is_nothing_to_watch(spark: SparkSession) -> None:
    async def work() -> str:
        return "done"

    async def failure() -> None:
        msg = "it failed"
        raise RuntimeError(msg)

    assert math.isnan(Lifeline(spark).check(True))
    assert await Lifeline(spark).hold(work()) == "done"
    with pytest.raises(RuntimeError, match="it failed"):
        await Lifeline(spark).hold(failure())
