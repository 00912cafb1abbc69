"""How long `bikewire batch` takes for 30 days of 426 stations, polled every minute: 18 million records.

    python -m benchmarks.backfill

The start of Spark is counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.backlog import START
from benchmarks.figure import Figure, show
from benchmarks.made_lake import make
from pipeline.batch import run_days
from pipeline.settings import Settings

STATIONS, DAYS = 426, 30
CHANGING_SHARE = 0.0326
"""600,000 changes in all."""

MOST_SECONDS = 180


def measure(settings: Settings) -> Figure:
    make(settings, STATIONS, DAYS, CHANGING_SHARE)
    days = [START.date() + timedelta(days=number) for number in range(DAYS)]
    started = time.perf_counter()
    reports = run_days(settings, days, progress=lambda done, total, text: sys.stderr.write(f"{text}\n"))
    seconds = time.perf_counter() - started
    records = sum(report.records for report in reports)
    measured = f"{seconds:.0f} s ({records:,} records, {seconds / DAYS:.1f} s a day)"
    return Figure(
        f"backfill of {DAYS} days of {STATIONS} stations", f"≤ {MOST_SECONDS} s", measured, seconds <= MOST_SECONDS
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        show([measure(Settings.read(data=Path(place)))])
