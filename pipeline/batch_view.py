"""What `bikewire batch` shows: each day as it comes, a bar with the time left, and what was done in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.batch import run_days
from pipeline.day_report import DayReport, Outcome
from pipeline.settings import Settings


def batch_on(screen: Console, settings: Settings, days: Sequence[date], system: str | None, *, force: bool) -> None:
    """Compute the days of one system, or of all, and tell of it on the screen."""
    columns = (TextColumn("days"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("days", total=None)

        def tell(done: int, total: int, said: str) -> None:
            screen.print(said)
            bar.update(task, completed=done, total=total)

        reports = run_days(settings, days, system, tell, force=force)
    screen.print(told(reports))


def told(reports: Sequence[DayReport]) -> str:
    """What was done in all: "Days computed: 30, unchanged: 1, with nothing observed: 0."."""
    counts = Counter(report.outcome for report in reports)
    return f"Days {', '.join(f'{outcome}: {counts[outcome]}' for outcome in Outcome)}."
