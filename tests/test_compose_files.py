"""The compose files, without an engine: pinned, bounded, in order, and with settings that Bikewire has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry

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
    registries = (Telemetry(LiveTable()).registry, PollInstruments().registry, StreamInstruments().registry)
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
