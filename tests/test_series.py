"""A year of a station in one answer: extremes, gaps and order are those of everything that was seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.context import Context
from backend.series import LEAST_POINTS, MOST_POINTS, Point, Series
from pipeline.model import StationState
from pipeline.tables import STATION_HISTORY
from tests.small_city import NOW, SYSTEM, ask, fill, minutes, open_context, refusal, status

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=100)
GAP = Point(START, StationState.UNKNOWN, None, None)


@st.composite
def histories(draw: st.DrawFn) -> list[Point]:
    """What held on [START, END): the first since before, the others in any crowding; about a tenth are gaps."""
    seconds = draw(st.lists(st.integers(1, 100 * 86_400 - 1), unique=True, max_size=400))
    counts = st.none() | st.integers(0, 30)
    kinds = st.sampled_from([StationState.NORMAL] * 9 + [StationState.UNKNOWN])
    points = []
    for second in [-5, *sorted(seconds)]:
        since, state = START + timedelta(seconds=second), draw(kinds)
        is_gap = state is StationState.UNKNOWN
        points.append(GAP._replace(since=since) if is_gap else Point(since, state, draw(counts), draw(counts)))
    return points


def thinned(points: Iterable[Point], most: int, at_once: int = 10_000) -> list[Point]:
    series, rest = Series(START, END, most), list(points)
    while rest:
        series.take(rest[:at_once])
        del rest[:at_once]
    return series.points()


def extremes(points: Sequence[Point]) -> list[tuple[int, int] | None]:
    """The least and the greatest bikes, and docks."""
    return [_extremes(point.bikes for point in points), _extremes(point.docks for point in points)]


def _extremes(counts: Iterable[int | None]) -> tuple[int, int] | None:
    known = [count for count in counts if count is not None]
    return (min(known), max(known)) if known else None


@given(histories(), st.integers(LEAST_POINTS, 60), st.integers(1, 500))
def test_a_series_has_the_extremes_of_everything_in_order_and_no_more_than_asked(
    points: list[Point], most: int, at_once: int
) -> None:
    series = thinned(points, most, at_once)
    assert len(series) <= most
    assert [point for point in points if point in series] == series
    assert extremes(series) == extremes(points)
    assert (series[0], series[-1]) == (points[0], points[-1])


@given(histories(), st.integers(LEAST_POINTS, 60))
def test_a_gap_that_is_wider_than_a_bucket_is_as_long_as_it_was(points: list[Point], most: int) -> None:
    widest = (END - START) / (most // 8)
    series = thinned(points, most)
    for point, following in pairwise(points):
        if point.state is StationState.UNKNOWN and following.since - point.since > widest:
            place = series.index(point)
            assert series[place + 1] == following


@given(histories(), st.integers(LEAST_POINTS, 60))
def test_a_part_of_the_range_that_had_a_gap_shows_one(points: list[Point], most: int) -> None:
    width = (END - START) / (most // 8)

    def parts(found: Iterable[Point]) -> set[int]:
        gaps = [point.since for point in found if point.state is StationState.UNKNOWN]
        return {max(0, (since - START) // width) for since in gaps}

    assert parts(thinned(points, most)) == parts(points)


@given(histories())
def test_few_points_are_all_told(points: list[Point]) -> None:
    assert thinned(points, MOST_POINTS) == points


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        context.live.systems[SYSTEM].statuses.clear()
        yield context


async def store_changes(context: Context, changes: Sequence[tuple[datetime, int]], hold_minutes: float) -> None:
    """Counts of bikes of the station g, with 10 docks, each poll seeing a change."""
    before = [None, *(polled_at for polled_at, _ in changes)]
    rows = [
        msgspec.structs.asdict(status("g", bikes, 10, polled_at, seen_before=seen, hold_seconds=hold_minutes * 60))
        | {"month": polled_at.year * 100 + polled_at.month}
        for (polled_at, bikes), seen in zip(changes, before, strict=False)
    ]
    await fill(context, STATION_HISTORY, *[{name: row[name] for name in STATION_HISTORY.columns} for row in rows])


async def series_of(context: Context, start: datetime, end: datetime, more: str = "") -> list[dict[str, object]]:
    asked = f'series(from: "{start.isoformat()}", to: "{end.isoformat()}"{more}) {{ polledAt state bikes docks }}'
    answer = await ask(context, f'station(id: "g") {{ {asked} }}')
    return list(answer["station"]["series"])


async def test_a_year_is_answered_with_its_extremes_and_its_gap(context: Context) -> None:
    start = NOW - timedelta(days=365)
    polls = [start + timedelta(hours=hours) for hours in range(365 * 24) if not 3_000 < hours < 3_500]
    changes = [(polled_at, 2 + number % 5) for number, polled_at in enumerate(polls)]
    changes[1_234] = (changes[1_234][0], 31)
    await store_changes(context, changes, 90)
    told = await series_of(context, start, NOW)
    assert 500 < len(told) <= 1000
    assert max(one["bikes"] for one in told if isinstance(one["bikes"], int)) == 31
    (gap,) = [place for place, one in enumerate(told) if one["state"] == "UNKNOWN" and place < len(told) - 1]
    assert told[gap] == {
        "polledAt": (polls[3_000] + minutes(90)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "state": "UNKNOWN",
        "bikes": None,
        "docks": None,
    }
    ends = polls[3_001].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert told[gap + 1]["polledAt"] == ends


async def test_a_short_series_is_the_history(context: Context) -> None:
    await store_changes(context, [(NOW - minutes(40), 4), (NOW - minutes(20), 5)], 30)
    told = await series_of(context, NOW - minutes(30), NOW)
    assert [(one["polledAt"], one["state"], one["bikes"], one["docks"]) for one in told] == [
        ("2026-11-20T17:20:00.000Z", "NORMAL", 4, 10),
        ("2026-11-20T17:40:00.000Z", "NORMAL", 5, 10),
    ]


async def test_a_station_that_was_never_seen_has_no_series(context: Context) -> None:
    assert await series_of(context, NOW - minutes(30), NOW) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('to: "2026-11-20T18:00:00Z", points: 2000', "points: 2000 is not between 10 and 1999."),
        ('to: "2026-11-20T18:00:00Z", points: 9', "points: 9 is not between 10 and 1999."),
        (
            'to: "2027-11-20T18:00:00Z"',
            "from 2026-11-01T00:00:00.000Z to 2027-11-20T18:00:00.000Z spans 384.8 days;"
            " at most 366 are answered at once.",
        ),
    ],
)
async def test_what_is_too_much_is_refused(context: Context, arguments: str, sentence: str) -> None:
    asked = f'station(id: "g") {{ series(from: "2026-11-01T00:00:00Z", {arguments}) {{ bikes }} }}'
    assert await refusal(context, asked) == (sentence, "BAD_INPUT")
