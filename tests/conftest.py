"""Fixtures that several test files share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pipeline.ports import BikewireError
from pipeline.settings import Settings
from tests import engines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.browser import Browser
    from tests.cassandra_cluster import CassandraCluster
    from tests.live_server import LiveServer
    from tests.published_city import City
    from tests.servers.kafka import KafkaServer

CASSANDRAS = {"cassandra": "cassandra_node", "cassandra of two": "cassandra_nodes"}
"""The fixture of each engine that is a Cassandra."""

_SHARED_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded feeds beside the project; its absence is a failure in CI only."""
    if not _SHARED_DATA.is_dir():
        reason = f"the recorded feeds are not there: {_SHARED_DATA}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return _SHARED_DATA.resolve()


@pytest.fixture(params=engines.LOGS)
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty log, of each engine in turn."""
    if request.param == "kafka":
        server: KafkaServer = request.getfixturevalue("kafka_server")
        return f"{server.url}?prefix={uuid4().hex[:8]}."
    return engines.log_url(request.param, tmp_path)


@pytest.fixture(params=engines.STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, of each engine in turn."""
    if request.param in CASSANDRAS:
        cluster: CassandraCluster = request.getfixturevalue(CASSANDRAS[request.param])
        return cluster.empty_store()
    return engines.store_url(request.param, tmp_path)


@pytest.fixture(params=["embedded", pytest.param("cluster", marks=pytest.mark.engine)])
def engine_urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URLs of an empty log and an empty store: of one machine, and of a cluster."""
    if request.param == "embedded":
        return engines.log_url("sqlite", tmp_path), engines.store_url("sqlite", tmp_path)
    server: KafkaServer = request.getfixturevalue("kafka_server")
    cluster: CassandraCluster = request.getfixturevalue("cassandra_nodes")
    return f"{server.url}?prefix={uuid4().hex[:8]}.", cluster.empty_store()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A Kafka broker, the same for the whole test run; tests have topics of their own."""
    from tests.servers.kafka import KafkaServer

    try:
        server = KafkaServer(tmp_path_factory.mktemp("kafka"))
        server.start()
    except (RuntimeError, BikewireError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"Kafka does not run: {error}")
        pytest.skip(f"Kafka does not run here: {error}")
    yield server
    server.stop()


@pytest.fixture
def broker(kafka_server: KafkaServer) -> Iterator[KafkaServer]:
    """That broker for a test that kills or freezes it: afterwards it runs again."""
    yield kafka_server
    kafka_server.revive()


@pytest.fixture
def kafka_url(broker: KafkaServer) -> str:
    """The URL of an empty log in that broker."""
    return f"{broker.url}?prefix={uuid4().hex[:8]}."


@pytest.fixture(scope="session")
def cassandra_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    """A Cassandra of one node, the same for the whole test run."""
    yield from _running_cassandra(tmp_path_factory.mktemp("cassandra"), 1)


@pytest.fixture(scope="session")
def cassandra_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    """A Cassandra of two nodes, the same for the whole test run."""
    yield from _running_cassandra(tmp_path_factory.mktemp("cassandra"), 2)


def _running_cassandra(folder: Path, nodes: int) -> Iterator[CassandraCluster]:
    from tests.cassandra_cluster import CassandraCluster

    try:
        cluster = CassandraCluster(folder, nodes)
    except (RuntimeError, BikewireError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"Cassandra can't be had: {error}")
        pytest.skip(f"Cassandra can't be had: {error}")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one Spark session of the test run, with the settings that Bikewire runs with."""
    from pipeline.spark import session

    # With Kafka's jars where they can be had: a session can't be given them later.
    log = engines.KAFKA_FORM if engines.has_kafka_jars() else None
    started = session(Settings.read(data=tmp_path_factory.mktemp("spark"), log=log), "tests")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The one browser of the test run; each test opens its page afresh."""
    from tests.browser import browsing

    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city whose first poll is in the log."""
    from tests.published_city import City

    found = City(Settings.read(data=tmp_path, tiles=""))
    found.begin()
    return found


@pytest.fixture
def city_server(city: City) -> Iterator[LiveServer]:
    """The server of that city."""
    from tests.live_server import running

    with running(city.settings) as found:
        yield found
