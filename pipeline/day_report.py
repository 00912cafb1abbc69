"""What became of a day that was to be computed, in one sentence."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from pipeline.manifest import Manifest
from pipeline.model import utc_text


class Outcome(StrEnum):
    """What a computation came to."""

    COMPUTED = "computed"
    UNCHANGED = "unchanged"
    UNOBSERVED = "with nothing observed"


class DayReport(NamedTuple):
    """What is known of a day, and in how many seconds; `DayFigures` says what polls and records are.

    Of a day that is ``unchanged_since`` an instant nothing was computed: stations and coverage are 0.
    """

    system_id: str
    date: date
    stations: int
    polls: int
    records: int
    coverage: float
    is_complete: bool
    seconds: float
    unchanged_since: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        if self.unchanged_since is not None:
            return Outcome.UNCHANGED
        return Outcome.COMPUTED if self.stations or self.coverage else Outcome.UNOBSERVED

    def __str__(self) -> str:
        if self.unchanged_since is not None:
            return f"{self.system_id} {self.date}: unchanged since {utc_text(self.unchanged_since)}."
        if self.outcome is Outcome.UNOBSERVED:
            return f"{self.system_id} {self.date}: nothing was observed."
        so_far = "" if self.is_complete else " so far"
        return (
            f"{self.system_id} {self.date}{so_far}: {self.stations:,} stations, {self.polls:,} polls,"
            f" {self.records:,} records, coverage {self.coverage:.1%}, in {self.seconds:.1f} s."
        )


def unchanged(system_id: str, day: date, noted: Manifest, seconds: float) -> DayReport:
    """Of a day that is as it was noted."""
    return DayReport(system_id, day, 0, noted.polls, noted.records, 0.0, True, seconds, noted.computed_at)
