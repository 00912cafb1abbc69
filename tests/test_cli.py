"""The command line: what each command says, does and returns."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from backend.cli import app

COMMANDS = {"up", "poll", "stream", "batch", "serve", "replay", "simulate", "status", "migrate", "check", "systems"}
BIKEWIRE = Path(sys.executable).with_name("bikewire")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`bikewire` as its user runs it, on a wide screen."""
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb", **environment}
    return subprocess.run(
        [BIKEWIRE, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def outcome(*arguments: str | Path, **environment: str) -> tuple[int, str, str]:
    done = run(*arguments, **environment)
    return done.returncode, done.stdout, done.stderr


def recording(folder: Path, *times: str) -> Path:
    """A recording of a city with one station, with a poll at each of the times."""
    information = {"stations": [{"station_id": "s", "name": "Station", "lat": 48.39, "lon": -4.48, "capacity": 9}]}
    system = {"system_id": "tiny", "name": "Tiny", "language": "fr", "timezone": "Europe/Paris"}
    status = {"station_id": "s", "num_bikes_available": 4, "num_docks_available": 5, "last_reported": 1772476860}
    flags = {"is_installed": True, "is_renting": True, "is_returning": True}
    feeds = {
        "system_information": system,
        "station_information": information,
        "station_status": {"stations": [{**status, **flags}]},
    }
    documents = {name: {"ttl": 60, "version": "2.3", "data": data} for name, data in feeds.items()}
    lines = [json.dumps({"polled_at": time, "system_id": "tiny", "feeds": documents}) for time in times]
    file = folder / "polls.ndjson.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    return file


def test_the_commands_are_the_designs() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_helps_with_an_example(command: str) -> None:
    code, text, errors = outcome(command, "--help")
    assert (code, errors) == (0, "")
    assert f"Example: bikewire {command}" in text


def test_the_help_needs_no_heavy_library() -> None:
    heavy = ["pyspark", "strawberry", "pandas", "pyarrow", "pydantic", "httpx", "uvicorn", "starlette", "folium"]
    script = f"import backend.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_up_needs_no_heavy_library_before_its_address() -> None:
    heavy = ["pyspark", "strawberry", "pandas", "pyarrow", "httpx", "uvicorn", "starlette", "folium"]
    script = f"import backend.cli, backend.up, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_version_is_told() -> None:
    assert outcome("--version") == (0, f"bikewire {version('bikewire')}\n", "")


def test_a_misspelt_setting_is_refused_and_the_nearest_named() -> None:
    sentence = "BIKEWIRE_PROT: Bikewire has no such setting; the nearest is BIKEWIRE_PORT.\n"
    assert outcome("status", BIKEWIRE_PROT="1") == (2, "", sentence)


def test_a_wrong_setting_is_refused_in_one_sentence() -> None:
    code, text, errors = outcome("poll", BIKEWIRE_MIN_POLL_SECONDS="often")
    assert (code, text) == (2, "")
    assert errors.startswith("BIKEWIRE_MIN_POLL_SECONDS: ")
    assert errors.endswith("(it is 'often').\n")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("batch",),
        ("batch", "--date", "2026-03-02", "--from", "2026-03-01"),
        ("batch", "--from", "2026-03-02", "--to", "2026-03-01"),
        ("batch", "--date", "yesterday"),
        ("simulate", "--systems", "0"),
        ("up", "--demo", "http://127.0.0.1/gbfs.json"),
        ("fly",),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...]) -> None:
    code, text, errors = outcome(*arguments)
    assert (code, text) == (2, "")
    assert "Error" in errors
    assert "Traceback" not in errors


def test_a_speed_is_a_number_or_max(tmp_path: Path) -> None:
    file = recording(tmp_path, "2026-03-02T18:41:00Z")
    for speed in ("0", "-1", "fast", "nan", "inf"):
        code, _, errors = outcome("replay", file, "--speed", speed, "--data", tmp_path / "data")
        assert (code, f"--speed: '{speed}' is neither a number above 0 nor max." in errors) == (2, True)


def test_an_expected_failure_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "empty.ndjson"
    file.touch()
    expected = (1, "", f"{file} holds no poll.\n")
    code, _, errors = outcome("replay", file, "--speed", "max", "--now", "--data", tmp_path / "data")
    assert (code, errors) == (expected[0], expected[2])


def test_a_replay_says_what_it_did_and_the_status_shows_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    file = recording(tmp_path, "2026-03-02T18:41:00Z", "2026-03-02T18:42:00Z")
    code, text, errors = outcome("replay", file, "--speed", "max", "--data", data)
    assert (code, errors) == (0, "")
    found = json.loads(run("status", "--json", "--data", data).stdout)
    records = found["log_end"]
    assert f"2 polls with {records} records, 2026-03-02 18:41:00" in text
    assert found["jobs"] == [{"job": "stream", "behind": None}, {"job": "lake", "behind": None}]
    assert found["sizes"]["log"] > 0
    assert f"{records} records" in run("status", "--data", data).stdout


def test_the_status_of_nothing_is_nothing_and_makes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert outcome("status", "--data", data) == (0, f"There is nothing in {data} yet.\n", "")
    assert not data.exists()


def test_an_option_goes_over_the_environment(tmp_path: Path) -> None:
    shown = run("status", "--json", "--data", tmp_path / "option", BIKEWIRE_DATA=str(tmp_path / "environment"))
    assert json.loads(shown.stdout)["data"] == str(tmp_path / "option")


def test_simulate_tells_its_address_and_stops_on_a_signal() -> None:
    arguments = [str(BIKEWIRE), "simulate", "--port", "0", "--stations", "5", "--vehicles", "7"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().split()[1]
        stations = httpx.get(url.replace("gbfs.json", "station_information.json")).json()["data"]["stations"]
        running.send_signal(signal.SIGTERM)
        assert running.stdout.read() == "Stopped simulating.\n"
    assert (running.returncode, len(stations)) == (0, 5)


def test_serve_tells_its_address_first_and_stops_on_a_signal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(BIKEWIRE), "serve", "--port", "0", "--data", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        answer = httpx.get(f"{address}healthz", timeout=20)
        running.send_signal(signal.SIGTERM)
        assert running.stdout.read() == "Stopped serving.\n"
    assert (running.returncode, answer.status_code) == (0, 200)


@pytest.mark.parametrize("command", ["simulate", "serve", "up"])
def test_a_port_in_use_is_told_at_once(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = (
            f"BIKEWIRE_PORT: port {port} of 127.0.0.1 is in use; stop what uses it, or take another with --port.\n"
        )
        assert outcome(command, "--port", port, BIKEWIRE_DATA=str(tmp_path)) == (2, "", sentence)


def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    code, text, errors = outcome("serve", "--host", "192.0.2.1", "--data", tmp_path)
    assert (code, text) == (2, "")
    assert errors.startswith("BIKEWIRE_HOST: '192.0.2.1', port 8000, can't be listened on: ")
