"""The status for people: tables on the screen."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from pipeline.status import FeedReport, JobReport, Status, SystemReport

_COLOURS = {"OK": "green", "NOT_MODIFIED": "green", "STALE": "yellow", "REFUSED": "red", "UNREACHABLE": "red"}


def view(status: Status) -> RenderableType:
    """Everything of the status, in tables."""
    if not status.systems and not status.log_end:
        return Text(f"There is nothing in {status.data} yet.")
    return Group(_overview(status), *[_system(system) for system in status.systems])


def _overview(status: Status) -> Table:
    table = Table("part", "how it is", title=status.data, title_justify="left")
    size = f", {decimal(status.sizes['log'])}" if "log" in status.sizes else ""
    table.add_row("log", f"{status.log_end:,} {'records' if size else 'offsets'}{size}")
    for job in status.jobs:
        table.add_row(job.job, _progress(job))
    if "store" in status.sizes:
        table.add_row("store", decimal(status.sizes["store"]))
    table.add_row("lake files", decimal(status.sizes["lake"]))
    return table


def _progress(job: JobReport) -> str:
    if job.behind is None:
        return "has not run yet"
    return "up to date" if job.behind == 0 else f"{job.behind:,} behind"


def _system(system: SystemReport) -> Table:
    table = Table(
        *("feed", "state", "polled", "deviations", "why"),
        title=_safe(f"{system.system_id}: {system.name}, stations: {system.stations}, {_polled(system)}"),
        title_justify="left",
        caption=_days(system),
        caption_justify="left",
    )
    for feed in system.feeds:
        table.add_row(_safe(feed.feed), _state(feed), _local(feed.polled_at), str(feed.deviations), _safe(feed.reason))
    return table


def _polled(system: SystemReport) -> str:
    if system.age_seconds is None:
        return "never polled"
    return f"newest poll {_age(round(system.age_seconds))} ago"


def _age(seconds: int) -> str:
    """In its two largest units."""
    units = {"d": seconds // 86_400, "h": seconds // 3600 % 24, "min": seconds // 60 % 60, "s": seconds % 60}
    told = [f"{number} {unit}" for unit, number in units.items() if number]
    return " ".join(told[:2]) or "0 s"


def _days(system: SystemReport) -> str:
    if not system.days:
        return "No day computed yet."
    first, last = system.days[0].date, system.days[-1].date
    unfinished = "" if system.days[-1].is_complete else f"; {last} was not over yet"
    return f"Days computed: {len(system.days)}, {first} to {last}{unfinished}."


def _state(feed: FeedReport) -> Text:
    return Text(feed.state, style=_COLOURS[feed.state])


def _local(instant: datetime) -> str:
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _safe(text: str | None) -> Text:
    """Text from a feed, as text: no markup, no control characters."""
    return Text("".join(character if character.isprintable() else " " for character in text or ""))
