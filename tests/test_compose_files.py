"""The compose files, without an engine: pinned, bounded, in order, and with settings that Bikewire has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry

from backend.app import utc_now
from backend.feed_metrics import FeedMetrics
from backend.live import LiveTable
from backend.telemetry import Telemetry
from pipeline.instruments import PollInstruments, StreamInstruments
from pipeline.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
FILES = ("docker-compose.yml", "docker-compose-mini.yml")
OURS = ("api", "poller", "stream")
WITHOUT_HEALTH = {"kafka-ui", "prometheus", "grafana"}
"""Nothing waits for them, and what their images hold to ask them with is their own affair."""

DECIDED_BY_THE_FILES = {
    "data",
    "host",
    "lake",
    "log",
    "metrics_port",
    "port",
    "spark",
    "spark_cores",
    "spark_driver_host",
    "spark_executor_memory",
    "store",
}


def services(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / file).read_text())["services"]
    return found


def megabytes(text: str) -> float:
    return float(text[:-1]) * {"m": 1, "g": 1024}[text[-1].lower()]


@pytest.mark.parametrize("file", FILES)
def test_every_image_has_the_tag_of_a_version(file: str) -> None:
    tags = {service["image"].rpartition(":")[2] for service in services(file).values()}
    assert [tag for tag in tags if not re.fullmatch(r"v?\d+\.\d+\.\d+", tag)] == []


@pytest.mark.parametrize("file", FILES)
def test_our_image_has_our_version_and_is_built_once_and_never_pulled(file: str) -> None:
    found = services(file)
    ours = {name: service for name, service in found.items() if service["image"].startswith("bikewire:")}
    assert {service["image"] for service in ours.values()} == {f"bikewire:{version('bikewire')}"}
    assert {service["pull_policy"] for service in ours.values()} == {"never"}
    assert [name for name, service in found.items() if "build" in service] == ["api"]


def test_the_image_is_made_of_what_git_has_and_nothing_else() -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert lines[1] == "*"
    assert [path for path in kept if not (PROJECT / path).exists()] == []
    # The folder of a virtual environment, of data and of tests are among what stays out.
    assert {path.split("/")[0] for path in kept} == {
        "backend",
        "deploy",
        "frontend",
        "pipeline",
        "pyproject.toml",
        "requirements.lock",
        "requirements-node.lock",
    }


def test_the_image_has_a_version_of_its_base_a_user_without_rights_and_a_health_check() -> None:
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    [base] = [line.partition("=")[2] for line in lines if line.startswith("ARG PYTHON=")]
    stages = {line.split()[3] for line in lines if line.startswith("FROM ") and " AS " in line}
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} <= {"${PYTHON}", *stages}
    assert [line for line in lines if line.startswith("USER ")] == ["USER bikewire"]
    assert [line for line in lines if line.startswith("HEALTHCHECK ") and "/readyz" in line]


@pytest.mark.parametrize("file", FILES)
def test_no_volume_without_a_name_stays_behind(file: str) -> None:
    assert "VOLUME" not in (PROJECT / "Dockerfile").read_text()
    named = set(yaml.safe_load((PROJECT / file).read_text())["volumes"])
    for name, service in services(file).items():
        mounted = [volume.split(":")[0] for volume in service.get("volumes", ())]
        assert [volume for volume in mounted if volume not in named and not volume.startswith("./")] == [], name
    # These two the image of Kafka declares beside the one that is named.
    assert services(file)["kafka"]["tmpfs"] == ["/etc/kafka/secrets", "/mnt/shared/config"]


@pytest.mark.parametrize("file", FILES)
def test_probes_are_what_engines_of_the_last_years_understand(file: str) -> None:
    probes = [service["healthcheck"] for service in services(file).values() if "healthcheck" in service]
    # `start_interval` is refused by engines before 25.
    assert {key for probe in probes for key in probe} == {"interval", "timeout", "retries", "start_period", "test"}


def test_the_small_deployment_is_the_large_one_with_fewer_servers() -> None:
    assert set(services("docker-compose-mini.yml")) == {"kafka", "cassandra", "poller", "stream", "api"}
    assert set(services("docker-compose.yml")) == {
        *("kafka", "cassandra1", "cassandra2", "spark-master", "spark-worker1", "spark-worker2"),
        *("poller", "stream", "api", "kafka-ui", "prometheus", "grafana"),
    }


def test_only_who_asks_for_monitoring_gets_it() -> None:
    profiles = {name: service.get("profiles") for name, service in services("docker-compose.yml").items()}
    assert {name for name, asked in profiles.items() if asked} == {"prometheus", "grafana"}
    assert {str(profiles["prometheus"]), str(profiles["grafana"])} == {"['monitoring']"}


@pytest.mark.parametrize("file", FILES)
def test_every_service_is_bounded_comes_back_and_gets_signals(file: str) -> None:
    for name, service in services(file).items():
        assert service["restart"] == "unless-stopped", name
        assert service["init"] is True, name
        assert megabytes(service["mem_limit"]) > 0, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


@pytest.mark.parametrize("file", FILES)
def test_every_service_that_others_wait_for_says_whether_it_is_healthy(file: str) -> None:
    found = services(file)
    assert {name for name, service in found.items() if "healthcheck" not in service} <= {*WITHOUT_HEALTH, "api"}
    for service in found.values():
        waits = service.get("depends_on", {})
        if isinstance(waits, dict):
            assert {wait["condition"] for wait in waits.values()} <= {"service_healthy"}
            assert WITHOUT_HEALTH.isdisjoint(waits)


@pytest.mark.parametrize("file", FILES)
def test_only_the_api_is_published_beyond_this_machine(file: str) -> None:
    open_to_all = {
        name
        for name, service in services(file).items()
        for port in service.get("ports", ())
        if not port.startswith("127.0.0.1:")
    }
    assert open_to_all == {"api"}


def test_the_small_deployment_fits_into_4_gb() -> None:
    limits = [megabytes(service["mem_limit"]) for service in services("docker-compose-mini.yml").values()]
    assert sum(limits) <= 4096


def test_the_memory_limits_leave_room_beside_the_heaps() -> None:
    for file in FILES:
        for name, service in services(file).items():
            if name.startswith("cassandra"):
                heap = megabytes(service["environment"]["MAX_HEAP_SIZE"])
                assert megabytes(service["mem_limit"]) >= heap + 700, (file, name)
            if name.startswith("spark-worker"):
                executors = megabytes(service["environment"]["SPARK_WORKER_MEMORY"])
                assert megabytes(service["mem_limit"]) >= executors + 256, (file, name)


@pytest.mark.parametrize("file", FILES)
def test_cassandra_has_every_write_on_disk_before_it_acknowledges_it(file: str) -> None:
    for name, service in services(file).items():
        if name.startswith("cassandra"):
            options = service["environment"]["JVM_EXTRA_OPTS"].split()
            assert "-Dcassandra.config.allow_system_properties=true" in options
            assert "-Dcassandra.settings.commitlog_sync=batch" in options
            assert "-Dcassandra.settings.commitlog_sync_period=0ms" in options


def test_the_spark_master_knows_its_applications_again_when_it_comes_back() -> None:
    master = services("docker-compose.yml")["spark-master"]
    assert "-Dspark.deploy.recoveryMode=FILESYSTEM" in master["environment"]["SPARK_MASTER_OPTS"]
    assert master["volumes"] == ["recovery:/recovery"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("service", OURS)
def test_our_services_are_given_settings_that_exist(file: str, service: str) -> None:
    variables = services(file)[service]["environment"]
    fields = {name.removeprefix("BIKEWIRE_").lower() for name in variables}
    assert fields - set(Settings.model_fields) == set()


@pytest.mark.parametrize("file", FILES)
def test_every_setting_that_the_files_do_not_decide_can_be_made_in_env(file: str) -> None:
    shown = set(re.findall(r"^#BIKEWIRE_(\w+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert {name.lower() for name in shown} == set(Settings.model_fields) - DECIDED_BY_THE_FILES | {"port"}
    text = (PROJECT / file).read_text()
    unused = [name for name in shown if f"BIKEWIRE_{name}:\n" not in text and f"${{BIKEWIRE_{name}:-" not in text]
    assert unused == []


def test_the_example_of_env_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.findall(r"^#BIKEWIRE_(\w+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    # The first depends on the feed, the second on what Docker makes of addresses.
    example = {name.lower(): value for name, value in lines if name not in ("HOLD_SECONDS", "CONNECTIONS_PER_ADDRESS")}
    for name in example:
        monkeypatch.delenv(f"BIKEWIRE_{name.upper()}", raising=False)
    assert Settings.read(**example).model_dump() == Settings.read().model_dump()


def test_both_files_run_the_same_kafka_but_for_its_memory() -> None:
    both = [services(file)["kafka"] for file in FILES]
    for kafka in both:
        del kafka["environment"]["KAFKA_HEAP_OPTS"], kafka["mem_limit"]
    assert both[0] == both[1]


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    dashboard = json.loads((PROJECT / "deploy/grafana/dashboards/bikewire.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked = {name for query in queries for name in re.findall(r"bikewire_\w+", query)}
    telemetry = Telemetry(LiveTable())
    telemetry.registry.register(FeedMetrics(LiveTable(), Settings.read(), utc_now))
    registries = (telemetry.registry, PollInstruments().registry, StreamInstruments().registry)
    assert asked - set(names(registries)) == set()


def test_prometheus_asks_every_service_that_counts_something() -> None:
    configuration = yaml.safe_load((PROJECT / "deploy/prometheus.yml").read_text())
    targets = [place for static in configuration["scrape_configs"][0]["static_configs"] for place in static["targets"]]
    port = services("docker-compose.yml")["stream"]["environment"]["BIKEWIRE_METRICS_PORT"]
    assert sorted(targets) == ["api:8000", f"poller:{port}", f"stream:{port}"]


def names(registries: Iterable[CollectorRegistry]) -> Iterable[str]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    for registry in registries:
        for family in registry.collect():
            yield from (f"{family.name}{suffix}" for suffix in suffixes[family.type])


def test_whatever_the_image_is_made_of_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    sources = [source for sources in copied for source in sources.split()]
    assert "requirements.lock" in sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
