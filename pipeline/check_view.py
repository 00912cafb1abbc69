"""The report of a check for people: what is wrong, the most harmful first."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.check import FINE, FeedCheck, Report
from pipeline.deviations import Harm
from pipeline.official import total

_HARM = {Harm.LOSS: ("loss", "bold red"), Harm.DOUBT: ("doubt", "yellow"), Harm.NUISANCE: ("nuisance", "dim")}
MOST_WORDS = 5
"""How many kinds of errors of one official schema are shown; --json has all."""


def view(report: Report) -> RenderableType:
    """The feeds, what was found in them, and what the official schemas say."""
    parts: list[RenderableType] = [_feeds(report)]
    if any(feed.findings for feed in report.feeds):
        parts.append(_findings(report))
    if any(feed.official for feed in report.feeds):
        parts.append(_official(report))
    return Group(*parts, verdict(report))


def _feeds(report: Report) -> Table:
    table = Table("feed", "version", "state", "entities", "ttl", "wrong", "official", title=_safe(report.place))
    table.title_justify = "left"
    for feed in report.feeds:
        table.add_row(
            feed.feed,
            _safe(feed.version or "-"),
            Text(feed.state, "green" if feed.state in FINE else "red"),
            "-" if feed.entities is None else f"{feed.entities:,}",
            "-" if feed.ttl_seconds is None else f"{feed.ttl_seconds:g} s",
            f"{sum(finding.count for finding in feed.findings):,}",
            "no schema" if feed.official is None else f"{total(feed.official):,}",
        )
    return table


def _findings(report: Report) -> Table:
    table = Table("harm", "rule", "count", "done", "example", title="What Bikewire finds", title_justify="left")
    found = [finding for feed in report.feeds for finding in feed.findings]
    for finding in sorted(found, key=lambda finding: (-finding.harm, -finding.count)):
        name, style = _HARM[finding.harm]
        table.add_row(Text(name, style), finding.rule, f"{finding.count:,}", finding.action, _safe(finding.example))
    return table


def _official(report: Report) -> Table:
    table = Table("feed", "count", "where", "example", title="What the official schemas say", title_justify="left")
    for feed in report.feeds:
        for word in (feed.official or ())[:MOST_WORDS]:
            table.add_row(feed.feed, f"{word.count:,}", _safe(word.place), _safe(word.message))
    return table


def verdict(report: Report) -> Text:
    """The report in one sentence."""
    lost = [feed for feed in report.feeds if feed.state not in FINE]
    told = " ".join(_lost(feed) for feed in lost)
    counts = {
        harm: sum(finding.count for feed in report.feeds for finding in feed.findings if finding.harm is harm)
        for harm in sorted(Harm, reverse=True)
    }
    words = ", ".join(f"{count:,} {_HARM[harm][0]}" for harm, count in counts.items() if count)
    return Text(f"{told} Found: {words}.".strip() if words else told or "Nothing is wrong.")


def _lost(feed: FeedCheck) -> str:
    return printable(f"{feed.feed} is {feed.state.lower()}: {feed.reason}")


def _safe(text: str) -> Text:
    return Text(printable(text))


def printable(text: str) -> str:
    """The text without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in text)
