"""Memory of all processes of one city, at ten times the usual poll rate, over half an hour."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import typer

from benchmarks.figure import Figure, show
from benchmarks.installation import BIKEWIRE, ask, free_port, megabytes, middle_and_last, running, until

NETWORK = "{ systems { network { polledAt } } }"


def main(minutes: float = typer.Option(30, help="How long to watch."), json: bool = False) -> None:
    """Measure, and print the figure."""
    with tempfile.TemporaryDirectory() as folder:
        show(measure(Path(folder), minutes * 60))


def measure(folder: Path, seconds: float) -> list[Figure]:
    feed_port, port = free_port(), free_port()
    simulate = [BIKEWIRE, "simulate", "--port", str(feed_port), "--tick", "6"]
    up = [
        BIKEWIRE,
        "up",
        f"http://127.0.0.1:{feed_port}/gbfs.json",
        "--port",
        str(port),
        "--data",
        str(folder / "data"),
    ]
    with (
        running(simulate, folder / "simulate.log"),
        running(up, folder / "up.log", BIKEWIRE_MIN_POLL_SECONDS="6") as house,
    ):
        until(lambda: _is_computing(port), 60, "a first metric")
        samples = _watch(house.pid, seconds)
    return [_figure(samples, seconds)]


def _is_computing(port: int) -> bool | None:
    systems = ask(port, NETWORK)["systems"]
    return True if systems and systems[0]["network"] else None


def _watch(pid: int, seconds: float) -> list[float]:
    end, samples = time.monotonic() + seconds, [megabytes(pid)]
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(5, left))
        samples.append(megabytes(pid))
        sys.stderr.write(f"\rmemory {samples[-1]:.0f} MB, {max(left, 0) / 60:.0f} min left   ")
    sys.stderr.write("\n")
    return samples


def _figure(samples: list[float], seconds: float) -> Figure:
    middle, last = middle_and_last(samples)
    growth = last / middle - 1
    measured = f"most {max(samples):.0f} MB, last third against the middle one {growth:+.1%}, {seconds / 60:.0f} min"
    return Figure(
        "memory of all processes, one city, ten times the poll rate",
        "≤ 1200 MB, flat",
        measured,
        max(samples) <= 1200 and growth <= 0.03,
    )


if __name__ == "__main__":
    typer.run(main)
