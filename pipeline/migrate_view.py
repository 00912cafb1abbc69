"""What `bikewire migrate` shows: two bars, and what was moved."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from pipeline.migrate import Report, migrate
from pipeline.settings import Settings


async def migrate_on(screen: Console, settings: Settings, from_log: str | None, from_store: str | None) -> None:
    """Move log and store (default: those in the data folder) to the settings' ones, and tell of it on the screen."""
    log = from_log or f"sqlite:///{settings.data / 'log.sqlite'}"
    store = from_store or f"sqlite:///{settings.data / 'store.sqlite'}"
    with Progress(console=screen) as bar:
        tasks = {what: bar.add_task(what, total=None) for what in ("store", "log")}
        report = await migrate(
            log, store, settings, lambda what, done, total: bar.update(tasks[what], completed=done, total=total)
        )
    screen.print(told(report, settings.lake))


def told(report: Report, lake: str) -> str:
    """What was moved, and what is left to do."""
    rows = ", ".join(f"{count:,} {table}" for table, count in report.rows.items()) or "none"
    moved = f"Rows moved: {rows}.\nRecords of the log moved: {report.records:,}."
    if report.was_done:
        moved = "All of it had been moved before: nothing was done."
    if report.lake == Path(lake).absolute():
        return f"{moved}\nThe lake stays where it is: '{lake}'. Every machine of the cluster has to see it there."
    return f"{moved}\nThe lake stays as files: copy or mount '{report.lake}' as BIKEWIRE_LAKE, which is '{lake}'."
