"""Bring each compose file up, look at it from outside, kill its containers in turn, look again, and take it down."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from tests.compose.stack import ComposeFailed, Stack, left, require_docker
from tests.compose.visitor import POLL_SECONDS, NotSeen, Visitor, longest_gap, until_seen

PATIENCE_SECONDS = 150.0
"""How long anything may take to be as it should."""

AT_ONCE_SECONDS = 5.0

COUNTED = {
    "api:8000": "bikewire_polls",
    "poller:9464": "bikewire_polls_published",
    "stream:9464": "bikewire_batch_seconds",
}
"""Of each place that Prometheus asks, what it must have counted by now."""

HISTORY = timedelta(seconds=30)
"""How far back a look into the history goes."""

screen = Console(highlight=False, markup=False, soft_wrap=True, width=120)


class Victim(NamedTuple):
    """A service that is killed. While it is away the history ``is_served``; after it no poll ``is_missed``."""

    service: str
    is_served: bool = True
    is_missed: bool = False


FILES: dict[str, Sequence[Victim]] = {
    "docker-compose-mini.yml": (
        # Who kills them looks into the store at once: a lone Cassandra and the API itself can't answer then.
        Victim("stream"),
        Victim("api", is_served=False),
        Victim("poller", is_missed=True),
        Victim("kafka", is_missed=True),
        Victim("cassandra", is_served=False),
    ),
    "docker-compose.yml": (
        Victim("spark-worker1"),
        Victim("spark-master"),
        Victim("stream"),
        Victim("cassandra1"),
        Victim("kafka", is_missed=True),
        Victim("poller", is_missed=True),
        Victim("api", is_served=False),
        Victim("kafka-ui"),
    ),
}


class Report:
    """What was checked, and how it went."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def note(self, what: str, seconds: float) -> None:
        screen.print(f"  {what:<94}{seconds:7.1f} s")

    def check(self, what: str, look: Callable[[], None], patience: float = PATIENCE_SECONDS) -> None:
        """Look until it is seen; a failure is told and the next check goes on.

        Raises ComposeFailed when there is no engine any more.
        """
        try:
            self.note(f"passed  {what}", until_seen(look, patience))
            self.passed += 1
        except NotSeen as error:
            screen.print(f"  FAILED  {what} within {patience:.0f} s: {error}")
            self.failed += 1
            # Without an engine all that follows would be waited for in vain.
            require_docker()


def main() -> int:
    """The exit status: 0 when every check passed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    report, started = Report(), time.monotonic()
    try:
        require_docker()
        for file in sys.argv[1:] or FILES:
            try_file(Stack(file), FILES[file], report)
    except ComposeFailed as error:
        screen.print(f"Docker with Compose v2 is needed: {error}")
        return 2
    screen.print(f"{report.passed} passed, {report.failed} failed, in {time.monotonic() - started:.0f} s")
    return 1 if report.failed else 0


def _end(number: int, _frame: object) -> None:
    # By way of what takes everything down.
    sys.exit(128 + number)


def try_file(stack: Stack, victims: Sequence[Victim], report: Report) -> None:
    """Everything with one file; whatever happens it is taken down with its volumes."""
    screen.print(stack.file)
    before = report.failed
    try:
        # A run that was killed has left its containers, and they have come back with the engine.
        stack.remove()
        try_up(stack, victims, report)
    except (ComposeFailed, NotSeen) as error:
        screen.print(f"  FAILED  {error}")
        report.failed += 1
    finally:
        if report.failed > before:
            screen.print(stack.logs())
        timed(report, "down, with its volumes", stack.remove)
    report.check("nothing is left", _nothing_left, AT_ONCE_SECONDS)


def try_up(stack: Stack, victims: Sequence[Victim], report: Report) -> None:
    """Up, looked at, and its containers killed in turn. Raises ComposeFailed and NotSeen."""
    stack.validate("monitoring")
    timed(report, "built", stack.build)
    timed(report, "all containers are up and healthy", stack.up)
    look_around(stack, report)
    for victim in victims:
        kill(stack, victim, report)
    if stack.file == "docker-compose-mini.yml":
        begin_again(stack, report)
    report.check("every poll that is in Kafka has its totals", partial(_all_computed, stack))
    memory = stack.memory()
    told = ", ".join(f"{service} {amount:.0f}" for service, amount in sorted(memory.items()))
    screen.print(f"  in use: {sum(memory.values()):.0f} MB ({told})")


def timed(report: Report, what: str, act: Callable[[], None]) -> None:
    started = time.monotonic()
    act()
    report.note(what, time.monotonic() - started)


def look_around(stack: Stack, report: Report) -> None:
    """Everything that a visitor should see, of polls later than now."""
    visitor, now = Visitor(stack.url), datetime.now(UTC)
    report.check("the map and its files", visitor.page)
    report.check("a query: every station, fresh", visitor.query)
    report.check("a subscription: all stations, then the next poll", visitor.subscription)
    report.check("totals out of Spark, pushed", partial(visitor.totals_pushed, now))
    report.check("totals out of Spark, in Cassandra", partial(visitor.totals_kept, now))
    report.check("what Prometheus asks for", partial(_counted, stack))


def kill(stack: Stack, victim: Victim, report: Report) -> None:
    """Kill a service as a crash would; it and all that is seen must come back by themselves."""
    service, visitor = victim.service, Visitor(stack.url)
    restarts, killed_at = stack.restarts(service), datetime.now(UTC)
    known = visitor.polls(killed_at - HISTORY)
    started = time.monotonic()
    stack.kill(service)
    screen.print(f"  {service} killed")
    if victim.is_served:
        report.check(
            "  while it is away: a query of the history", partial(_history, visitor, killed_at), AT_ONCE_SECONDS
        )
    report.check(f"  {service} is back", partial(_back, stack, service, restarts))
    back_at = datetime.now(UTC)
    report.check("  the map and its files", visitor.page)
    report.check("  a query: every station, fresh", visitor.query)
    report.check("  a subscription: all stations, then the next poll", visitor.subscription)
    report.check("  totals out of Spark of later polls, in Cassandra", partial(visitor.totals_kept, back_at))
    report.check("  all totals from before the kill", partial(_kept, visitor, known))
    if not victim.is_missed:
        report.check("  no poll is missing in the history", partial(_complete, visitor, killed_at))
    report.note("  everything again as before, since the kill", time.monotonic() - started)


def begin_again(stack: Stack, report: Report) -> None:
    """Down and up with the volumes kept: what was there is there."""
    seen_at = datetime.now(UTC)
    timed(report, "down, volumes kept", stack.stop)
    timed(report, "up again", stack.up)
    visitor = Visitor(stack.url)
    report.check("the history from before", partial(_history, visitor, seen_at))
    look_around(stack, report)


def _back(stack: Stack, service: str, restarts: int) -> None:
    if stack.restarts(service) <= restarts or not stack.is_up(service):
        msg = f"{service} was restarted {stack.restarts(service) - restarts} times and is not healthy"
        raise NotSeen(msg)


def _history(visitor: Visitor, before: datetime) -> None:
    if not [poll for poll in visitor.polls(before - HISTORY) if poll < before]:
        msg = f"no totals of the {HISTORY} before {before}"
        raise NotSeen(msg)


def _kept(visitor: Visitor, known: Sequence[datetime]) -> None:
    if not known:
        msg = "no totals that could have been lost"
        raise NotSeen(msg)
    if lost := sorted({*known} - {*visitor.polls(min(known) - timedelta(seconds=1))}):
        msg = f"no totals of {', '.join(map(str, lost))}"
        raise NotSeen(msg)


def _all_computed(stack: Stack) -> None:
    try:
        _kept(Visitor(stack.url), stack.published())
    except ComposeFailed as error:
        raise NotSeen(str(error)) from error


def _complete(visitor: Visitor, since: datetime) -> None:
    # Not further back: the kill before may have cost polls.
    gap = longest_gap(visitor.polls(since - timedelta(seconds=2 * POLL_SECONDS)))
    if gap > 2.5 * POLL_SECONDS:
        msg = f"the totals of neighbouring polls are {gap:.1f} s apart"
        raise NotSeen(msg)


def _counted(stack: Stack) -> None:
    for place, name in COUNTED.items():
        try:
            families = text_string_to_metric_families(stack.get(f"http://{place}/metrics"))
        except ComposeFailed as error:
            raise NotSeen(str(error)) from error
        samples = [sample.value for family in families if family.name == name for sample in family.samples]
        if not any(value > 0 for value in samples):
            msg = f"{place} has counted no {name}"
            raise NotSeen(msg)


def _nothing_left() -> None:
    if found := left():
        msg = f"there are {', '.join(found)}"
        raise NotSeen(msg)


if __name__ == "__main__":
    sys.exit(main())
