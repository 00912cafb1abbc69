"""`bikewire` as real processes, for tests that start, kill and ask it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")

BIKEWIRE = str(Path(sys.executable).with_name("bikewire"))

COUNTS = "{ systems { id network { polledAt bikes } stations(first: 1) { edges { node { status { bikes } } } } } }"


class Running:
    """A running `bikewire`, what it says, and its processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def address(self) -> str:
        """The first line that it says."""
        return until(lambda: self.lines[0] if self.lines else None, 20, "the address")

    def line(self, text: str, seconds: float = 30, after: int = 0) -> str:
        """The first line with this text, from the ``after``-th line on; waits for it."""
        return until(lambda: next((said for said in self.lines[after:] if text in said), None), seconds, text)

    def ask(self, query: str) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        answer = httpx.post(f"{self.address}graphql", json={"query": query}, timeout=10).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself and all is said."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def processes(self) -> list[psutil.Process]:
        """All that descend from it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process:
        """The process of a part of `up`; waits for it."""
        children = psutil.Process(self.process.pid).children
        return until(lambda: next((p for p in children() if name in cmdline(p)), None), 20, name)

    def process_of(self, program: str) -> psutil.Process:
        """A process that runs this program; waits for it."""
        return until(lambda: next((p for p in self.processes() if program in " ".join(cmdline(p))), None), 20, program)

    def end(self, signal: int, seconds: float = 10) -> tuple[int, list[psutil.Process]]:
        """Send it the signal; its exit code, and those of its processes that are left then."""
        processes = self.processes()
        self.process.send_signal(signal)
        code = self.wait(seconds)
        return code, [process for process in processes if is_running(process)]


@contextmanager
def running(*arguments: str | Path, **environment: str) -> Iterator[Running]:
    """Start `bikewire`; at the end it is stopped, and killed with all that it started if it does not listen."""
    environment = {**os.environ, "COLUMNS": "200", **environment}
    command = [BIKEWIRE, *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        started = Running(process)
        try:
            yield started
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    _, survivors = psutil.wait_procs(family, 8)
    for survivor in survivors:
        survivor.kill()


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What ``look`` gives as soon as that is not None; an AssertionError that names ``what`` when it never is."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.02)
    return found


def cmdline(process: psutil.Process) -> list[str]:
    """The process's arguments; none when it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def is_running(process: psutil.Process) -> bool:
    """Whether it is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
