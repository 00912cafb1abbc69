"""The figures counted millisecond by millisecond, by the definitions of docs/metrics.md and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import quantiles
from typing import Any, NamedTuple

DAY = (0, 100)
"""The day, in milliseconds; spans lie in it."""

STATIONS = "ABC"

Values = dict[str, Any]


class Seen(NamedTuple):
    """What a poll says of a station."""

    bikes: int | None
    docks: int | None
    bikes_disabled: int | None
    is_installed: bool
    is_renting: bool
    is_returning: bool


class Ridden(NamedTuple):
    """What a poll says of a vehicle; ``still`` is for how many hours it has stood still."""

    is_outside: bool
    is_reserved: bool
    is_disabled: bool
    charge: float | None
    still: int


class Publish(NamedTuple):
    """What one publish says of the poll at ``tick``, of stations or of vehicles; a poll may come more than once."""

    tick: int
    hold: int
    is_observing: bool
    expected: int
    found: Mapping[str, Any]


class Poll(NamedTuple):
    """What is left of all publishes of a poll."""

    tick: int
    hold: int
    expected: int
    found: Mapping[str, Any]


def polls_of(publishes: Sequence[Publish]) -> list[Poll]:
    """The observing polls in order of time."""
    polls: dict[int, Poll] = {}
    for tick, hold, is_observing, expected, found in publishes:
        if is_observing:
            before = polls[tick].found if tick in polls else {}
            polls[tick] = Poll(tick, hold, expected, {**before, **found})
    return sorted(polls.values())


class Timeline:
    """Which poll was the newest knowledge at each millisecond."""

    def __init__(self, publishes: Sequence[Publish]) -> None:
        self.polls = polls_of(publishes)
        self._at = {tick: self._newest(tick) for tick in range(DAY[0] - 1, DAY[1] + 1)}

    def _newest(self, tick: int) -> Poll | None:
        newest = next((poll for poll in reversed(self.polls) if poll.tick <= tick), None)
        return newest if newest and tick < newest.tick + newest.hold else None

    def at(self, tick: int) -> Poll | None:
        return self._at[tick]

    def of(self, station_id: str, tick: int) -> Any:
        poll = self.at(tick)
        return poll.found.get(station_id) if poll else None

    def deltas(self, station_id: str, until: int) -> Iterator[tuple[int, int | None]]:
        """What became of the station's bikes from poll to poll: when, and None where nobody knows."""
        for before, after in pairwise(self.polls):
            if DAY[0] <= after.tick < min(DAY[1], until):
                yield after.tick, _delta(before, after, station_id)


def _delta(before: Poll, after: Poll, station_id: str) -> int | None:
    counts = [poll.found[station_id].bikes for poll in (before, after) if station_id in poll.found]
    if before.tick + before.hold < after.tick or len(counts) < 2 or None in counts:
        return None
    return int(counts[1] - counts[0])


def flaps(deltas: Sequence[tuple[int, int | None]]) -> set[int]:
    """The instants of the changes that are left out; all are within 10 minutes."""
    out: set[int] = set()
    last: tuple[int, int] | None = None
    for tick, delta in deltas:
        if delta is None:
            last = None
        elif delta and last and last[1] == -delta:
            out |= {last[0], tick}
            last = None
        elif delta:
            last = tick, delta
    return out


def is_empty(seen: Seen) -> bool:
    return seen.is_installed and seen.is_renting and seen.bikes == 0


def is_full(seen: Seen) -> bool:
    return seen.is_installed and seen.is_returning and seen.docks == 0


CONDITIONS: dict[str, Callable[[Seen], bool]] = {
    "empty": is_empty,
    "full": is_full,
    "nearly_empty": lambda seen: seen.is_installed and seen.is_renting and seen.bikes in (1, 2, 3),
    "nearly_full": lambda seen: seen.is_installed and seen.is_returning and seen.docks in (1, 2, 3),
    "closed": lambda seen: not seen.is_installed or not (seen.is_renting or seen.is_returning),
    "unusable": lambda seen: (
        not (seen.is_installed and seen.is_renting and seen.is_returning) or 0 in (seen.bikes, seen.docks)
    ),
}


class Episode(NamedTuple):
    start: int
    length: int
    is_censored: bool


def episodes(timeline: Timeline, station_id: str, condition: Callable[[Seen], bool], until: int) -> list[Episode]:
    """The station's episodes of the day."""
    end = min(DAY[1], until)
    found: list[Episode] = []
    start: int | None = None
    for tick in range(DAY[0], end + 1):
        seen = timeline.of(station_id, tick) if tick < end else None
        if seen and condition(seen):
            start = tick if start is None else start
        elif start is not None:
            before = timeline.of(station_id, start - 1)
            begin_known = before is not None and not condition(before)
            found.append(Episode(start, tick - start, not (begin_known and seen)))
            start = None
    return found


def median_seconds(found: Sequence[Episode]) -> float | None:
    """Kaplan's and Meier's."""
    survival = Fraction(1)
    ordered = sorted(found, key=lambda episode: (episode.length, episode.is_censored))
    for place, episode in enumerate(ordered):
        if not episode.is_censored:
            left = len(ordered) - place
            survival *= Fraction(left - 1, left)
            if survival <= Fraction(1, 2):
                return episode.length / 1000
    return None


def known_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def stock(name: str, values: Sequence[int | None]) -> Values:
    known = [value for value in values if value is not None]
    least, most = min(known, default=None), max(known, default=None)
    return {f"{name}_mean": known_mean(values), f"{name}_min": least, f"{name}_max": most}


def occupancy(seen: Sequence[Seen]) -> float | None:
    whole = [(one.bikes, one.bikes + one.docks) for one in seen if one.bikes is not None and one.docks is not None]
    places = sum(places for _, places in whole)
    return sum(bikes for bikes, _ in whole) / places if places else None


def quartiles(charges: Sequence[float]) -> Sequence[float | None]:
    """Between two by linear interpolation."""
    if len(charges) < 2:
        return [*charges, *charges, *charges] if charges else [None, None, None]
    return quantiles(charges, method="inclusive")
