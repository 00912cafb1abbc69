"""A running Bikewire to measure: `bikewire up` on a data folder of its own, against a feed on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")

BIKEWIRE = str(Path(sys.executable).with_name("bikewire"))


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, in a session of its own, its output in ``log``; ended with SIGTERM at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What ``look`` returns as soon as it is not None; raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = look()
        except (httpx.HTTPError, OSError):
            found = None
        if found is not None:
            return found
        time.sleep(0.02)
    msg = f"{what} did not come within {seconds:.0f} s"
    raise TimeoutError(msg)


def ask(port: int, query: str, **variables: object) -> dict[str, Any]:
    """The data of a GraphQL answer of the server on ``port``; raises RuntimeError on its errors."""
    answer = httpx.post(
        f"http://127.0.0.1:{port}/graphql", json={"query": query, "variables": variables}, timeout=10
    ).json()
    if answer.get("errors"):
        raise RuntimeError(answer["errors"])
    data: dict[str, Any] = answer["data"]
    return data


def processes(root: int) -> list[psutil.Process]:
    """The process and all that descend from it."""
    parent = psutil.Process(root)
    return [parent, *parent.children(recursive=True)]


def middle_and_last(samples: Sequence[float]) -> tuple[float, float]:
    """The means of the middle and of the last third; the first is warm-up: code gets compiled, caches fill."""
    third = max(1, len(samples) // 3)
    return mean(samples[third : 2 * third] or samples), mean(samples[-third:])


def megabytes(root: int) -> float:
    """Memory of the process and its descendants; what several share counts once (proportional set size)."""
    total = 0
    for process in processes(root):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6
