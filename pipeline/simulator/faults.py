"""Faults that a simulated feed shows on demand: how its documents and its server then differ.

A fault lasts for some seconds or answers, or until it is taken away. What it does to a document is a function of the
document alone; what it does to the answer (delays, statuses, broken bodies) is done by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from time import monotonic
from typing import Any

import msgspec

Document = dict[str, Any]

TIMES = ("last_updated", "last_reported")


class FaultKind(StrEnum):
    """What can be wrong with a feed."""

    SLOW = "slow"
    ERROR = "error"
    LIMITED = "limited"
    NOT_MODIFIED = "not_modified"
    TRUNCATED = "truncated"
    HTML = "html"
    EMPTY = "empty"
    ENDLESS = "endless"
    STALE = "stale"
    FROZEN = "frozen"
    DEAD = "dead"
    MALFORMED = "malformed"
    VANISHED = "vanished"
    VERSION = "version"
    SKEWED = "skewed"


MEANING: dict[FaultKind, str] = {
    FaultKind.SLOW: "the answer comes value seconds late",
    FaultKind.ERROR: "the server answers with the status value",
    FaultKind.LIMITED: "the server answers 429, and asks with Retry-After for a pause of value seconds",
    FaultKind.NOT_MODIFIED: "the server answers 304, whatever it is asked",
    FaultKind.TRUNCATED: "the body ends after its first half",
    FaultKind.HTML: "a page in HTML with status 200",
    FaultKind.EMPTY: "no body, with status 200",
    FaultKind.ENDLESS: "a body that never ends",
    FaultKind.STALE: "the document of its first answer again and again, all times value seconds earlier",
    FaultKind.FROZEN: "the counts of its first answer again and again, while last_updated goes on",
    FaultKind.DEAD: "no station has a bike or a dock, and there is no vehicle",
    FaultKind.MALFORMED: "the first value stations (or vehicles) have no id",
    FaultKind.VANISHED: "the first value stations (or vehicles) are missing",
    FaultKind.VERSION: "the document is one of another version, value as in 1.1, 2.3 or 3.0",
    FaultKind.SKEWED: "the server's clock is value seconds ahead",
}

USUAL_VALUE: dict[FaultKind, float] = {
    FaultKind.SLOW: 30,
    FaultKind.ERROR: 500,
    FaultKind.LIMITED: 60,
    FaultKind.STALE: 3600,
    FaultKind.MALFORMED: 1,
    FaultKind.VANISHED: 1,
    FaultKind.VERSION: 3.0,
    FaultKind.SKEWED: 600,
}

VERSIONS = (1.1, 2.3, 3.0)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as it is asked for. ``system`` and ``feed`` None are all; ``value`` None is the kind's usual one.

    It ends after ``seconds`` or after ``count`` answers, whichever comes first; without both it stays.
    ``free_bike_status`` and ``vehicle_status`` are the same feed.
    """

    kind: FaultKind
    system: str | None = None
    feed: str | None = None
    value: float | None = None
    seconds: float | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        for name, number in (("value", self.value), ("seconds", self.seconds), ("count", self.count)):
            if number is not None and not number >= 0:
                msg = f"{name}: {number} is negative"
                raise ValueError(msg)
        if self.kind is FaultKind.ERROR and not 400 <= self.amount <= 599:
            msg = f"value: {self.amount:g} is no status of an error (400 to 599)"
            raise ValueError(msg)
        if self.kind is FaultKind.VERSION and self.amount not in VERSIONS:
            msg = f"value: {self.amount:g} is not one of {', '.join(map(str, VERSIONS))}"
            raise ValueError(msg)

    @property
    def amount(self) -> float:
        """The value, or the kind's usual one."""
        return USUAL_VALUE.get(self.kind, 0) if self.value is None else self.value

    def concerns(self, system_id: str, feed: str) -> bool:
        return self.system in (None, system_id) and (self.feed is None or _plain(self.feed) == _plain(feed))


@dataclass
class ActiveFault:
    """A fault from the moment ``since`` on. ``kept`` holds the documents that a frozen or stale feed repeats."""

    number: int
    fault: Fault
    since: datetime
    ends: float | None
    left: int | None
    kept: dict[tuple[str, str, str], Document] = field(default_factory=dict)


class Faults:
    """The faults that are on now."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._active: dict[int, ActiveFault] = {}
        self._numbers = count(1)

    def __iter__(self) -> Iterator[ActiveFault]:
        self._end_old()
        return iter(list(self._active.values()))

    def add(self, fault: Fault) -> ActiveFault:
        ends = None if fault.seconds is None else self._clock() + fault.seconds
        active = ActiveFault(next(self._numbers), fault, datetime.now(UTC), ends, fault.count)
        self._active[active.number] = active
        return active

    def remove(self, number: int) -> bool:
        """Whether there was one."""
        return self._active.pop(number, None) is not None

    def clear(self) -> None:
        self._active.clear()

    def take(self, system_id: str, feed: str) -> list[ActiveFault]:
        """The faults of one answer, which counts as one of theirs."""
        found = [active for active in self if active.fault.concerns(system_id, feed)]
        for active in found:
            if active.left is not None:
                active.left -= 1
        return found

    def _end_old(self) -> None:
        now = self._clock()
        self._active = {
            number: active
            for number, active in self._active.items()
            if (active.ends is None or now < active.ends) and active.left != 0
        }


def changed(document: Document, active: ActiveFault, place: tuple[str, str, str]) -> Document:
    """The document under a fault; ``place`` is its system, version and feed."""
    kind, amount = active.fault.kind, active.fault.amount
    if kind is FaultKind.STALE:
        return active.kept.setdefault(place, _moved_document(document, timedelta(seconds=-amount)))
    if kind is FaultKind.FROZEN:
        data = active.kept.setdefault(place, document)["data"]
        return {**document, "data": data}
    if kind is FaultKind.SKEWED:
        return _moved_document(document, timedelta(seconds=amount))
    change = _CHANGES.get(kind)
    return document if change is None else _with_entities(document, change, round(amount))


def _with_entities(
    document: Document, change: Callable[[list[Document], int], list[Document]], amount: int
) -> Document:
    name = next((name for name in ("stations", "bikes", "vehicles") if name in document["data"]), None)
    if name is None:
        return document
    return {**document, "data": {name: change(deepcopy(document["data"][name]), amount)}}


def _without_ids(entities: list[Document], amount: int) -> list[Document]:
    for entity in entities[:amount]:
        for name in ("station_id", "bike_id", "vehicle_id"):
            entity.pop(name, None)
    return entities


def _without_first(entities: list[Document], amount: int) -> list[Document]:
    return entities[amount:]


def _dead(entities: list[Document], amount: int) -> list[Document]:
    for entity in entities:
        entity.update({name: 0 for name in entity if name.startswith("num_")})
    return [entity for entity in entities if "num_docks_available" in entity or "capacity" in entity]


_CHANGES = {
    FaultKind.MALFORMED: _without_ids,
    FaultKind.VANISHED: _without_first,
    FaultKind.DEAD: _dead,
}


def _moved(value: Any, shift: timedelta) -> Any:
    if isinstance(value, list):
        return [_moved(one, shift) for one in value]
    if not isinstance(value, dict):
        return value
    return _moved_document(value, shift)


def _moved_document(value: Document, shift: timedelta) -> Document:
    """The document with every time in it moved."""
    return {name: _moved_time(one, shift) if name in TIMES else _moved(one, shift) for name, one in value.items()}


def _moved_time(time: float | str, shift: timedelta) -> float | str:
    if isinstance(time, str):
        return (datetime.fromisoformat(time) + shift).isoformat().replace("+00:00", "Z")
    return time + round(shift.total_seconds())


def _plain(feed: str) -> str:
    return "vehicle_status" if feed == "free_bike_status" else feed


def feed_in(version: str, feed: str) -> str:
    """A feed's name in that version."""
    if _plain(feed) != "vehicle_status":
        return feed
    return "vehicle_status" if version == "3.0" else "free_bike_status"
