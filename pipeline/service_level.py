"""Service levels: for which share of the time a station, and the network, had what was asked of it.

Computed on demand from the rows of station_service, whose blocks say for how many microseconds of which local hour a
station had how many bikes to rent and docks to return to. All sums are whole microseconds, divided once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from pipeline.days import local_day
from pipeline.tables import ColumnType

MOST_COUNT = 5
"""Blocks tell counts up to this one, which stands for all greater ones too: thresholds up to it are exact."""

UNKNOWN = -1
"""The count in a block of time in which it was not known."""

SECOND = 1_000_000

EVERY_DAY = frozenset(range(7))

Block = tuple[int, int, int, int]
"""Local hour 0-23, bikes, docks (0 to MOST_COUNT, or UNKNOWN), microseconds."""


@dataclass(frozen=True)
class Question:
    """At least so many bikes and so many docks, from one local hour up to another, on these days of the week.

    A threshold of 0 asks nothing of its count. ``weekdays`` are 0 (Monday) to 6. ``target`` is the share of the
    observed time, 0 to 1, that keeps the level. Raises ValueError, with a sentence, for what can't be answered.
    """

    min_bikes: int = 1
    min_docks: int = 1
    from_hour: int = 0
    to_hour: int = 24
    weekdays: frozenset[int] = EVERY_DAY
    target: float = 0.9

    def __post_init__(self) -> None:
        for sentence in filter(None, (self._wrong_threshold(), self._wrong_time(), self._wrong_target())):
            raise ValueError(sentence)

    def _wrong_threshold(self) -> str | None:
        for name, least in (("minBikes", self.min_bikes), ("minDocks", self.min_docks)):
            if not 0 <= least <= MOST_COUNT:
                return f"{name}: {least} is not between 0 and {MOST_COUNT}, up to which service levels are exact."
        if not self.min_bikes and not self.min_docks:
            return "minBikes: 0 with minDocks: 0 asks for nothing; at least one has to be above 0."
        return None

    def _wrong_time(self) -> str | None:
        if not 0 <= self.from_hour < self.to_hour <= 24:
            return f"from hour {self.from_hour} to {self.to_hour}: it has to be 0 <= fromHour < toHour <= 24."
        if not self.weekdays:
            return "weekdays: [] holds no day; leave it out to ask for all."
        return None

    def _wrong_target(self) -> str | None:
        return None if 0 <= self.target <= 1 else f"target: {self.target} is not a share between 0 and 1."

    def asks_of(self, day: date) -> bool:
        return day.weekday() in self.weekdays


class Seen(NamedTuple):
    """For how many microseconds a level was kept, of how many in which that could be told."""

    kept: int
    observed: int

    def plus(self, other: Seen) -> Seen:
        return Seen(self.kept + other.kept, self.observed + other.observed)


class Level(NamedTuple):
    """What was seen of a station or of the network, in the ``asked`` microseconds, and which share was aimed at."""

    seen: Seen
    asked: int
    target: float

    @property
    def share(self) -> float | None:
        """Kept time as a share of observed time; None when nothing was observed."""
        return self.seen.kept / self.seen.observed if self.seen.observed else None

    @property
    def coverage(self) -> float:
        """Observed time as a share of the time that was asked for; 0 when that has no length."""
        return self.seen.observed / self.asked if self.asked else 0.0

    @property
    def is_kept(self) -> bool | None:
        """Whether the share reaches the target; None when nothing was observed."""
        return None if self.share is None else self.share >= self.target

    def figures(self) -> dict[str, Any]:
        """What is told of the level, by the names in FIGURES; times in seconds."""
        return {
            "share": self.share,
            "kept_seconds": self.seen.kept / SECOND,
            "observed_seconds": self.seen.observed / SECOND,
            "asked_seconds": self.asked / SECOND,
            "coverage": self.coverage,
            "is_kept": self.is_kept,
        }


FIGURES: Mapping[str, ColumnType] = {
    "share": "double",
    "kept_seconds": "double",
    "observed_seconds": "double",
    "asked_seconds": "double",
    "coverage": "double",
    "is_kept": "boolean",
}
"""What is told of a level, and of which type each is."""


def hours_text(blocks: Iterable[Block]) -> str:
    """The blocks of one station and day as station_service holds them: equal ones summed, in order, as JSON.

    Counts above MOST_COUNT are told as MOST_COUNT. The same time in other pieces or another order is the same text.
    """
    sums: Counter[tuple[int, int, int]] = Counter()
    for hour, bikes, docks, micros in blocks:
        sums[hour, min(bikes, MOST_COUNT), min(docks, MOST_COUNT)] += micros
    return orjson.dumps([(*block, micros) for block, micros in sorted(sums.items()) if micros]).decode()


def seen_by_station(rows: Iterable[Mapping[str, Any]], question: Question) -> dict[str, Seen]:
    """What was seen of each station in these rows of station_service (station_id and hours), whatever their day."""
    found: dict[str, Seen] = {}
    for row in rows:
        seen = _seen(orjson.loads(row["hours"]), question)
        station_id = row["station_id"]
        found[station_id] = found[station_id].plus(seen) if station_id in found else seen
    return found


def _seen(blocks: Sequence[Block], question: Question) -> Seen:
    from_hour, to_hour = question.from_hour, question.to_hour
    # A count that nothing is asked of may be unknown; of one that is asked for, unknown time tells nothing.
    min_bikes, min_docks = question.min_bikes or UNKNOWN, question.min_docks or UNKNOWN
    told_bikes, told_docks = min(min_bikes, 0), min(min_docks, 0)
    kept = observed = 0
    for hour, bikes, docks, micros in blocks:
        if from_hour <= hour < to_hour and bikes >= told_bikes and docks >= told_docks:
            observed += micros
            if bikes >= min_bikes and docks >= min_docks:
                kept += micros
    return Seen(kept, observed)


def asked_micros(question: Question, days: Iterable[date], zone: ZoneInfo) -> int:
    """How long the asked hours of these local days are; a day's 24 hours may be 23 or 25."""
    hours = (hour for day in days if question.asks_of(day) for hour in local_day(day, zone).hours())
    asked = (hour.end - hour.start for hour in hours if question.from_hour <= hour.hour < question.to_hour)
    return sum(asked, timedelta()) // timedelta(microseconds=1)


def levels_of(seen: Mapping[str, Seen], asked: int, target: float) -> dict[str, Level]:
    """The level of each station, the least share first, those without one last, equal ones by station id."""
    levels = {station_id: Level(one, asked, target) for station_id, one in seen.items()}
    return dict(sorted(levels.items(), key=lambda item: (item[1].share is None, item[1].share or 0.0, item[0])))


def network_level(seen: Mapping[str, Seen], asked: int, target: float) -> Level:
    """The level of the stations together: the sums of what was seen of them and of what was asked of each."""
    total = Seen(sum(one.kept for one in seen.values()), sum(one.observed for one in seen.values()))
    return Level(total, asked * len(seen), target)
