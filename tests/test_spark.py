"""The Spark session has the settings that Bikewire promises, and ends with its JVM."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pipeline.settings import Settings, SettingsError
from pipeline.spark import SQL, STREAMING, backlog_size, in_background, parallelism, session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_START_AND_END = """
import sys
from pipeline.settings import Settings
from pipeline.spark import end, session

started = session(Settings.read(data=sys.argv[1]), "tests")
print(started.sparkContext._gateway.proc.pid, flush=True)
if sys.argv[2] == "end":
    end(started)
    print("ended", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("master", ["yarn", "local", "local[0]", "local[*]", "spark://"])
def test_a_master_that_is_not_known_is_refused(tmp_path: Path, master: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^BIKEWIRE_SPARK: .* use local\[N\], e\.g\. local\[2\], or spark://HOST:PORT\.$"
    ):
        session(Settings.read(data=tmp_path, spark=master), "tests")


def test_a_local_master_says_how_many_tasks_run_at_once(tmp_path: Path) -> None:
    assert parallelism(Settings.read(data=tmp_path, spark="local[12]")) == 12


@pytest.mark.parametrize(("gigabytes", "heap"), [(0.5, "1024m"), (4, "1024m"), (6, "1536m"), (64, "2048m")])
def test_a_backlog_has_a_quarter_of_the_memory_within_bounds(
    monkeypatch: pytest.MonkeyPatch, gigabytes: float, heap: str
) -> None:
    monkeypatch.setattr("pipeline.spark.memory_limit", lambda: int(gigabytes * 2**30))
    assert backlog_size()["spark.driver.memory"] == heap


@pytest.mark.spark
def test_times_are_utc_and_polls_are_not_split(spark: SparkSession) -> None:
    assert [
        spark.conf.get(name)
        for name in (
            "spark.sql.session.timeZone",
            "spark.sql.shuffle.partitions",
            "spark.sql.adaptive.enabled",
            "spark.ui.enabled",
        )
    ] == ["UTC", "1", "false", "false"]


@pytest.mark.spark
def test_every_setting_of_sql_is_one_that_this_spark_knows(spark: SparkSession) -> None:
    # Spark takes settings that it does not know without a word, but has no default for them.
    internals: Any = spark._jvm.org.apache.spark.sql.internal  # type: ignore[union-attr]  # noqa: SLF001
    known = getattr(getattr(internals, "SQLConf$"), "MODULE$")
    names = [name for name in {**SQL, **STREAMING} if name.startswith("spark.sql.")]
    unknown = [name for name in names if not known.containsConfigKey(name)]
    assert unknown == ["spark.sql.streaming.checkpointFileManagerClass"]  # one that Hadoop's configuration carries
    assert {name: spark.conf.get(name) for name in names} == {name: {**SQL, **STREAMING}[name] for name in names}


@pytest.mark.spark
def test_work_in_the_background_has_a_pool_of_its_own(spark: SparkSession) -> None:
    in_background(spark)
    try:
        assert spark.sparkContext.getLocalProperty("spark.scheduler.pool") == "background"
        assert spark.range(10).count() == 10
    finally:
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", None)  # type: ignore[arg-type]


@pytest.mark.spark
@pytest.mark.parametrize("how", ["end", "kill"])
def test_no_jvm_outlives_its_session(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-c", _START_AND_END, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        jvm = psutil.Process(int(started.stdout.readline()))
        if how == "end":
            assert started.stdout.readline() == "ended\n"
            assert not jvm.is_running() or jvm.status() == psutil.STATUS_ZOMBIE
        started.kill()
        assert psutil.wait_procs([jvm], timeout=10)[1] == []
