"""Run every benchmark, each in a process of its own, and print one table."""

from __future__ import annotations

import json
import subprocess
import sys

import typer
from rich.console import Console

from benchmarks.figure import Figure, table

BENCHMARKS = (
    "first_marker",
    "push_latency",
    "stream_latency",
    "night",
    "stream_throughput",
    "fanout",
    "batch",
    "lake",
    "backfill",
    "service_level",
    "serving",
    "cassandra_store",
    "kafka_log",
    "kafka_throughput",
    "cluster_latency",
    "parsing",
    "neighbours",
    "many_systems",
    "memory",
)


def main(
    minutes: float = typer.Option(30, help="Length of the memory run, and of the one of many systems."), only: str = ""
) -> None:
    """Measure everything that is promised; ends with 1 when a promise is not kept."""
    names = [name for name in BENCHMARKS if not only or name in only.split(",")]
    figures = [figure for name in names for figure in _run(name, minutes)]
    Console().print(table(figures))
    raise typer.Exit(0 if all(figure.is_kept for figure in figures) else 1)


def _run(name: str, minutes: float) -> list[Figure]:
    progress = Console(stderr=True)
    progress.print(f"… {name}")
    options = ["--minutes", str(minutes)] if name in ("memory", "many_systems") else []
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    figures = [Figure(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    figures = figures or [Figure(name, "to run", f"failed with exit status {done.returncode}", False)]
    # All of them take an hour and more: who stops before the table keeps what was measured.
    progress.print(table(figures))
    return figures


if __name__ == "__main__":
    typer.run(main)
