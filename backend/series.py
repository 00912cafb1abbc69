"""A long range of a station's history in few points, so that a chart shows the same extremes and the same gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from backend.scalars import BadInput
from pipeline.model import StationState

LEAST_POINTS = 10
MOST_POINTS = 1999

PER_BUCKET = 8
"""How many points tell a bucket: first and last, the extremes of bikes and of docks, the longest gap and its end."""

# Buckets are first as narrow as there could be points, then twice as wide and so on, so that each narrow one lies in a
# single wide one, and what was kept of the narrow ones is all that the wide one needs.
_FINENESS = (8, 4, 2, 1)


class Point(NamedTuple):
    """What held from ``since`` on, until the next point; counts are None where they are not known."""

    since: datetime
    state: StationState
    bikes: int | None
    docks: int | None


def check_points(most: int) -> None:
    """Raises BadInput unless a series may have so many points."""
    if not LEAST_POINTS <= most <= MOST_POINTS:
        msg = f"points: {most} is not between {LEAST_POINTS} and {MOST_POINTS}."
        raise BadInput(msg)


class Series:
    """Points on [start, end), taken in order of time, of which at most ``most`` are kept.

    All are kept when they are few enough. Else the range is cut into equal buckets, and of each bucket these are kept:
    its first and its last, the least and the greatest bikes and docks, and the longest UNKNOWN stretch with its end.
    """

    def __init__(self, start: datetime, end: datetime, most: int) -> None:
        self._start = start
        self._span = end - start
        self._most = most
        self._buckets = most // PER_BUCKET
        self._points: list[Point] = []

    def take(self, points: Sequence[Point]) -> None:
        """The points that come next; of many only those are kept that can still be wanted."""
        self._points += points if len(points) <= self._most else self._thinned(points, _FINENESS[0])

    def points(self) -> list[Point]:
        """What is kept of the points taken so far, in order of time."""
        found = self._points
        for fineness in _FINENESS:
            if len(found) <= self._most:
                break
            found = self._thinned(found, fineness)
        return found

    def _thinned(self, points: Sequence[Point], fineness: int) -> list[Point]:
        buckets = self._buckets * fineness

        def bucket(point: Point) -> int:
            # What held at the start may be known since long before.
            return max(0, (point.since - self._start) * buckets // self._span)

        return [kept for _, group in groupby(points, bucket) for kept in _telling(list(group))]


def _telling(points: Sequence[Point]) -> Iterator[Point]:
    """The points that tell a bucket, in order of time."""
    places = {0, len(points) - 1, *_gap(points)}
    for counts in ([point.bikes for point in points], [point.docks for point in points]):
        known = [(count, place) for place, count in enumerate(counts) if count is not None]
        if known:
            places |= {min(known)[1], max(known)[1]}
    return (points[place] for place in sorted(places))


def _gap(points: Sequence[Point]) -> tuple[int, ...]:
    """The places of the longest UNKNOWN stretch that ends among the points, and of its end; none without one."""
    gaps = [place for place, point in enumerate(points[:-1]) if point.state == StationState.UNKNOWN]
    if not gaps:
        return ()
    longest = max(gaps, key=lambda place: points[place + 1].since - points[place].since)
    return longest, longest + 1
