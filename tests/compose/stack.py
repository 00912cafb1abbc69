"""One compose file, brought up under a project name of its own, beside whatever else runs on the machine."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tests.servers.process import free_port

FOLDER = Path(__file__).resolve().parents[2]
PROJECT = "bikewire-compose-test"
UP_SECONDS = 420
_IS_OURS = ("--filter", f"label=com.docker.compose.project={PROJECT}")

# In each of the images tini is the first process, and its only child is the program.
_KILL = "kill -9 $(cat /proc/1/task/1/children)"
_GET = "import sys, httpx; print(httpx.get(sys.argv[1]).raise_for_status().text)"


class ComposeFailed(Exception):
    """A docker command failed; the text is the end of what it said."""


class Stack:
    """The containers of a compose file, with a simulated system in the place of a live feed."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.port = free_port()
        ports = ("BIKEWIRE_PORT", "KAFKA_UI_PORT", "SPARK_UI_PORT")
        chosen = dict(zip(ports, (self.port, free_port(), free_port()), strict=True))
        self._environment = {**os.environ, **{name: str(port) for name, port in chosen.items()}}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def validate(self, profile: str) -> None:
        """Whether Compose takes the file with the services of the profile too. Raises ComposeFailed."""
        self._compose("--profile", profile, "config", "--quiet")

    def build(self) -> None:
        self._compose("build", "--quiet")

    def up(self) -> None:
        """Start everything; returns when all that has a health check is healthy. Raises ComposeFailed."""
        self._compose("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS), "--quiet-pull")

    def stop(self) -> None:
        """Take the containers down in good order; the volumes stay."""
        self._compose("down")

    def remove(self) -> None:
        """Take everything down at once, with the volumes; also what an earlier run has left."""
        self._compose("down", "--remove-orphans", "--volumes", "--timeout", "1")

    def kill(self, service: str) -> None:
        """End the service's program as a crash would; nobody but the restart policy starts it again."""
        # `docker kill` would not do: the engine takes it for a wish, and does not restart what was killed so.
        # The shell that kills ends with the container, and so with a status that says nothing.
        with suppress(ComposeFailed):
            self._compose("exec", "--no-TTY", service, "sh", "-c", _KILL)

    def restarts(self, service: str) -> int:
        """How often the engine has started the service's container again."""
        return int(self._inspect(service, "{{.RestartCount}}"))

    def is_up(self, service: str) -> bool:
        """Whether the container runs, and is healthy where it has a health check."""
        state = json.loads(self._inspect(service, "{{json .State}}"))
        healths = {"healthy", None}
        return bool(state["Status"] == "running" and state.get("Health", {}).get("Status") in healths)

    def get(self, url: str) -> str:
        """What the URL answers inside the project's network. Raises ComposeFailed."""
        return self._compose("exec", "--no-TTY", "api", "python", "-c", _GET, url)

    def published(self) -> list[datetime]:
        """When each poll that the log holds was made. Raises ComposeFailed."""
        program = (FOLDER / "tests/compose/polls_in_log.py").read_text()
        told = self._compose("exec", "--no-TTY", "api", "python", "-c", program)
        return [datetime.fromisoformat(line) for line in told.split()]

    def memory(self) -> dict[str, float]:
        """How much memory each service's container uses right now, in MB; the simulator's is not counted."""
        containers = self._compose("ps", "--quiet").split()
        told = _run(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *containers])
        used = {name.removeprefix(f"{PROJECT}-").rpartition("-")[0]: amount for name, amount, *_ in _rows(told)}
        return {service: _megabytes(amount) for service, amount in used.items() if service != "simulator"}

    def logs(self) -> str:
        """Which containers there are, and the end of what each of them said."""
        return self._compose("ps", "--all") + self._compose("logs", "--tail", "40", "--no-color")

    def _inspect(self, service: str, template: str) -> str:
        container = self._compose("ps", "--all", "--quiet", service).strip()
        return _run(["docker", "inspect", "--format", template, container])

    def _compose(self, *arguments: str) -> str:
        files = ["--file", self.file, "--file", "tests/compose/feed.yml"]
        # The user's own .env is for the user's own deployment.
        command = ["docker", "compose", "--project-name", PROJECT, "--env-file", os.devnull, *files, *arguments]
        return _run(command, self._environment)


def require_docker() -> None:
    """Raises ComposeFailed where there is no engine, or no Compose that can wait for health."""
    _run(["docker", "compose", "up", "--wait", "--help"])
    _run(["docker", "info"])


def left() -> list[str]:
    """What there is of the project on this machine: containers, volumes, networks."""
    lists = (["ps", "--all"], ["volume", "ls"], ["network", "ls"])
    return [f"{kind[0]} {name}" for kind in lists for name in _run(["docker", *kind, "--quiet", *_IS_OURS]).split()]


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        msg = f"{command[0]}: {error.strerror}"
        raise ComposeFailed(msg) from error
    if done.returncode:
        msg = f"{' '.join(command)}\n{(done.stdout + done.stderr)[-3000:]}"
        raise ComposeFailed(msg)
    return done.stdout


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def _megabytes(amount: str) -> float:
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024)):
        if amount.endswith(unit):
            return float(amount.removesuffix(unit)) * factor
    msg = f"{amount!r} is no amount of memory"
    raise ComposeFailed(msg)
