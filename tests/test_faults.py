"""Everything at once, and what goes wrong: each fault is told in a sentence, survived, or both."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipeline import tables
from pipeline.model import StationStatus, Topic, decode
from pipeline.ports import Value
from pipeline.settings import Settings
from pipeline.wiring import open_log, open_store
from tests.running import COUNTS, Running, is_running, running, until

PARTS = ("poll", "serve", "stream")


@pytest.fixture(scope="module")
def feed() -> Iterator[str]:
    """A simulated Brest whose counts change every second."""
    with running("simulate", "--port", "0", "--tick", "1", "--speed", "120") as simulator:
        yield simulator.line("brest-demo").split()[1]


@contextmanager
def up(feed: str, data: Path, **environment: str) -> Iterator[Running]:
    environment = {"BIKEWIRE_MIN_POLL_SECONDS": "1", **environment}
    with running("up", feed, "--port", "0", "--data", data, **environment) as started:
        yield started


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def folder_with_java(folder: Path, version: str) -> Path:
    """A folder with a `java` that says this of its version."""
    folder.mkdir()
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    program.chmod(0o755)
    return folder


def refusal(*arguments: str | Path, **environment: str) -> tuple[int, list[str]]:
    """The exit code of a `bikewire` that ends by itself, and all that it says."""
    with running(*arguments, **environment) as process:
        return process.wait(90), process.lines


def newest_totals(started: Running) -> str | None:
    systems = started.ask(COUNTS)["systems"]
    return systems[0]["network"]["polledAt"] if systems and systems[0]["network"] else None


def is_first_station_shown(started: Running) -> bool | None:
    systems = started.ask(COUNTS)["systems"]
    return True if systems and systems[0]["stations"]["edges"] else None


async def bikes_by_poll(settings: Settings) -> dict[datetime, int]:
    """The bikes of every poll, counted from the log's records without Spark."""
    counted: dict[datetime, int] = {}
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        end = await log.end_offsets([Topic.STATION_STATUS])
        async with aclosing(log.subscribe([Topic.STATION_STATUS], {})) as batches:
            async for batch in batches:
                for stored in batch.records:
                    record = decode(stored.topic, stored.value)
                    assert isinstance(record, StationStatus)
                    counted[record.polled_at] = counted.get(record.polled_at, 0) + (record.bikes or 0)
                if all(batch.offsets[partition] >= offset for partition, offset in end.items()):
                    return counted
    return counted


async def network_history(settings: Settings) -> dict[Value, Value]:
    """The bikes of every poll by the store's totals."""
    async with open_store(settings.store) as store:
        await store.create(tables.TABLES)
        days = {datetime.now(UTC).date() - timedelta(days=n) for n in (0, 1)}
        rows = [row for day in days for row in await store.read(tables.NETWORK_HISTORY, ("brest-demo", day))]
    return {row["polled_at"]: row["bikes"] for row in rows}


def test_without_java_up_says_how_to_get_it(tmp_path: Path) -> None:
    code, lines = refusal("up", "--data", tmp_path / "data", PATH=str(tmp_path), JAVA_HOME="")
    assert code == 1
    assert lines == [lines[0]]
    assert lines[0].startswith("Spark needs Java 17, and no Java was found (JAVA_HOME is not set): install Java 17")
    assert not (tmp_path / "data").exists()


def test_with_an_old_java_up_names_it(tmp_path: Path) -> None:
    folder = folder_with_java(tmp_path / "bin", 'openjdk version "11.0.2" 2019-01-15')
    code, lines = refusal("up", "--data", tmp_path / "data", PATH=str(folder), JAVA_HOME="")
    assert code == 1
    assert lines == [lines[0]]
    assert lines[0].startswith(f"Spark needs Java 17, but {folder / 'java'} is Java 11: install Java 17")


def test_with_a_java_home_without_java_up_names_it(tmp_path: Path) -> None:
    code, lines = refusal("up", "--data", tmp_path / "data", JAVA_HOME=str(tmp_path))
    assert code == 1
    assert lines[0].startswith(
        f"Spark needs Java 17, but JAVA_HOME is '{tmp_path}' and there is no {tmp_path}/bin/java"
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, lines = refusal("up", "--port", "0", "--data", tmp_path / "file" / "data")
    sentence = (
        f"BIKEWIRE_DATA: '{tmp_path}/file/data' can't be written (Not a directory); name another folder with --data."
    )
    assert (code, lines) == (2, [sentence])


@pytest.mark.spark
def test_a_setting_that_only_one_part_reads_ends_all(feed: str, tmp_path: Path) -> None:
    with up(feed, tmp_path / "data", BIKEWIRE_SPARK="local[many]") as started:
        code = started.wait(30)
    assert code == 2
    assert started.lines[-1] == "stream can't run here (see its line above)."
    assert any("BIKEWIRE_SPARK: 'local[many]' is no Spark master" in line for line in started.lines)


@pytest.mark.spark
def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(feed: str, tmp_path: Path) -> None:
    with up(feed, tmp_path) as first:
        until(lambda: is_first_station_shown(first), 30, "the first station")
        code, lines = refusal("up", feed, "--port", "0", "--data", tmp_path)
        sentence = (
            f"'{tmp_path}' is in use by another `bikewire up` (process {first.process.pid});"
            " stop that one, or take another folder with --data."
        )
        assert (code, lines) == (2, [sentence])
        assert httpx.get(first.address, timeout=20).status_code == 200


@pytest.mark.spark
@pytest.mark.timeout(300)
async def test_killed_parts_come_back_no_figure_is_lost_or_doubled_and_sigterm_ends_all(
    feed: str, tmp_path: Path
) -> None:
    settings = Settings.read(data=tmp_path)
    with up(feed, tmp_path) as started:
        await asyncio.to_thread(survive_kills, started)
        await asyncio.to_thread(end_within_five_seconds, started, signal.SIGTERM)
    code, lines = await asyncio.to_thread(refusal, "stream", "--available-now", "--data", tmp_path)
    assert code == 0, lines
    assert await network_history(settings) == await bikes_by_poll(settings)


def survive_kills(started: Running) -> None:
    """Kill each part in turn, then what Spark is made of; after each, newer totals come."""
    for name in PARTS:
        before, said = until(lambda: newest_totals(started), 60, "the first totals"), len(started.lines)
        started.part(name).kill()
        started.line(f"{name:<9}was ended by SIGKILL; starting it again in 0.5 s", after=said)
        until_newer_totals(started, before)
    for program in ("java", "python_streaming_source_runner"):
        before = until(lambda: newest_totals(started), 60, "the newest totals")
        started.process_of(program).kill()
        until_newer_totals(started, before)


def until_newer_totals(started: Running, before: str) -> None:
    until(lambda: (newest_totals(started) or before) > before or None, 60, "newer totals")


@pytest.mark.spark
def test_kill_9_of_up_leaves_nothing_running_and_the_folder_free(feed: str, tmp_path: Path) -> None:
    with up(feed, tmp_path) as started:
        until(lambda: newest_totals(started), 60, "the first totals")
        processes = started.processes()
        assert any(process.name() == "java" for process in processes)
        started.process.kill()
        until(lambda: None if any(map(is_running, processes)) else True, 5, "the end of all processes")
    with up(feed, tmp_path) as again:
        assert httpx.get(again.address, timeout=20).status_code == 200


@pytest.mark.spark
def test_ctrl_c_ends_everything_within_five_seconds(feed: str, tmp_path: Path) -> None:
    with up(feed, tmp_path) as started:
        until(lambda: newest_totals(started), 60, "the first totals")
        end_within_five_seconds(started, signal.SIGINT)


def end_within_five_seconds(started: Running, number: signal.Signals) -> None:
    began = time.monotonic()
    code, left = started.end(number)
    assert (code, left) == (0, [])
    assert time.monotonic() - began < 5
    assert started.lines[-1] == "up       stopped: all parts have ended."


@pytest.mark.spark
def test_a_signal_right_after_the_start_ends_everything_too(feed: str, tmp_path: Path) -> None:
    with up(feed, tmp_path) as started:
        assert started.address
        code, left = started.end(signal.SIGTERM)
        assert (code, left) == (0, [])


@pytest.mark.spark
def test_a_named_feed_out_of_reach_is_polled_until_it_answers(tmp_path: Path) -> None:
    port = closed_port()
    url = f"http://127.0.0.1:{port}/gbfs.json"
    with up(url, tmp_path / "data") as started:
        started.line(url)
        assert httpx.get(started.address, timeout=20).status_code == 200
        with running("simulate", "--port", str(port), "--tick", "1"):
            until(lambda: is_first_station_shown(started), 40, "the first station")
    assert [folder.name for folder in tmp_path.iterdir()] == ["data"]


@pytest.mark.spark
def test_without_network_the_demonstration_is_shown_loudly_and_apart(tmp_path: Path) -> None:
    # A proxy that is not there: no request leaves this machine, and none needs to wait.
    proxy = f"http://127.0.0.1:{closed_port()}"
    arguments = ("up", "--port", "0", "--data", tmp_path / "data")
    with running(*arguments, HTTPS_PROXY=proxy, NO_PROXY="127.0.0.1") as started:
        assert started.address.startswith("http://127.0.0.1:")
        started.line("Simulated data", 4)
        until(lambda: is_first_station_shown(started), 30, "the first station")
        systems = started.ask("{ systems { id name } }")["systems"]
    assert systems == [{"id": "brest-demo", "name": "Brest (simulated)"}]
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["up.lock"]
    assert (tmp_path / "data-demo" / "log.sqlite").exists()


@pytest.mark.spark
def test_a_default_feed_that_never_answers_gives_way_to_the_demonstration(tmp_path: Path) -> None:
    arguments = ("up", "--port", "0", "--data", tmp_path / "data")
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running(*arguments, HTTPS_PROXY=f"http://127.0.0.1:{silent.getsockname()[1]}", NO_PROXY="127.0.0.1") as started,
    ):
        assert httpx.get(started.address, timeout=20).status_code == 200
        started.line("Simulated data", 12)
        until(lambda: is_first_station_shown(started), 30, "the first station")
        systems = started.ask("{ systems { id } }")["systems"]
    assert systems == [{"id": "brest-demo"}]


@pytest.mark.spark
def test_the_demonstration_can_be_asked_for(tmp_path: Path) -> None:
    with running("up", "--demo", "--port", "0", "--data", tmp_path / "data") as started:
        until(lambda: is_first_station_shown(started), 30, "the first station")
        assert started.ask("{ systems { id } }")["systems"] == [{"id": "brest-demo"}]
    assert not (tmp_path / "data").exists()
