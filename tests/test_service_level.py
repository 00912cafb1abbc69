from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.days import local_day
from pipeline.service_level import (
    Block,
    Level,
    Question,
    Seen,
    asked_micros,
    hours_text,
    levels_of,
    network_level,
    seen_by_station,
)
from tests.service_oracle import Stretch, tell
from tests.service_rows import SECOND, service_row

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 6, 1)

MORNING = ((5, 5, 5, 3600), (6, 5, 3, 2700), (6, 1, 5, 600), (7, 2, -1, 1200), (7, 0, 5, 900), (7, 3, 4, 1500))
"""Local hour, bikes, docks, seconds of the example in docs/metrics.md."""


def seconds_of(question: Question, *blocks: Block) -> tuple[float, float]:
    """Kept and observed seconds of one station."""
    seen = seen_by_station([service_row("a", *blocks)], question)["a"]
    return seen.kept / SECOND, seen.observed / SECOND


def test_equal_blocks_are_summed_and_put_in_order() -> None:
    blocks = [(7, 2, 3, 5), (6, -1, 9, 10), (7, 2, 3, 1), (6, -1, 5, 1), (6, 0, 5, 0), (6, 5, 0, 2)]
    assert hours_text(blocks) == "[[6,-1,5,11],[6,5,0,2],[7,2,3,6]]"
    assert hours_text(reversed(blocks)) == hours_text(blocks)
    assert hours_text([]) == "[]"


def test_the_example_of_the_documentation() -> None:
    question = Question(min_bikes=2, min_docks=2, from_hour=6, to_hour=8)
    seen = seen_by_station([service_row("a", *MORNING), service_row("b", (6, 4, 5, 3600))], question)
    asked = asked_micros(question, [MONDAY], PARIS)
    station, network = levels_of(seen, asked, 0.9)["a"], network_level(seen, asked, 0.9)
    assert (station.share, station.coverage, station.is_kept) == (4200 / 5700, 5700 / 7200, False)
    assert (network.share, network.coverage, network.is_kept) == (7800 / 9300, 9300 / 14400, False)


def test_a_threshold_of_zero_asks_nothing_not_even_that_the_count_is_known() -> None:
    assert seconds_of(Question(2, 0, 6, 8), *MORNING) == (5400, 6900)
    assert seconds_of(Question(0, 4, 6, 8), *MORNING) == (3000, 5700)


def test_time_in_which_an_asked_count_is_unknown_is_not_observed_whatever_the_other_count() -> None:
    assert seconds_of(Question(2, 2), (6, 0, -1, 600), (6, 3, -1, 600), (6, -1, 0, 600), (6, 3, 3, 1)) == (1, 1)


@pytest.mark.parametrize("least", [1, 2, 3, 4, 5])
def test_a_count_of_exactly_the_threshold_keeps_the_level(least: int) -> None:
    blocks = [(12, count, count, 1) for count in range(6)]
    assert seconds_of(Question(least, least), *blocks) == (6 - least, 6)


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        (MONDAY, (0, 24), 24),
        (MONDAY, (6, 22), 16),
        (date(2026, 3, 29), (0, 24), 23),
        (date(2026, 3, 29), (2, 3), 0),
        (date(2026, 10, 25), (0, 24), 25),
        (date(2026, 10, 25), (2, 4), 3),
    ],
)
def test_what_is_asked_is_as_long_as_the_clock_makes_it(day: date, hours: tuple[int, int], expected: int) -> None:
    question = Question(from_hour=hours[0], to_hour=hours[1])
    assert asked_micros(question, [day], PARIS) == expected * 3600 * SECOND


def test_only_the_days_of_the_week_that_are_asked_for_are_counted() -> None:
    week = [MONDAY + timedelta(days=number) for number in range(7)]
    assert asked_micros(Question(weekdays=frozenset({0, 6})), week, PARIS) == 2 * 86_400 * SECOND


def test_where_nothing_was_observed_there_is_no_share_and_nothing_kept() -> None:
    nothing = Level(Seen(0, 0), 0, 0.9)
    assert (nothing.share, nothing.coverage, nothing.is_kept) == (None, 0.0, None)


def test_a_share_of_exactly_the_target_keeps_the_level() -> None:
    assert Level(Seen(9, 10), 10, 0.9).is_kept
    assert Level(Seen(0, 10), 10, 0.0).is_kept


def test_stations_are_in_order_of_their_share_and_those_without_one_last() -> None:
    seen = {"n": Seen(0, 0), "b": Seen(1, 2), "c": Seen(1, 1), "a": Seen(2, 4), "d": Seen(0, 5)}
    assert list(levels_of(seen, 10, 0.9)) == ["d", "a", "b", "c", "n"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"min_bikes": 6}, "minBikes: 6 is not between 0 and 5, up to which service levels are exact."),
        ({"min_docks": -1}, "minDocks: -1 is not between 0 and 5, up to which service levels are exact."),
        (
            {"min_bikes": 0, "min_docks": 0},
            "minBikes: 0 with minDocks: 0 asks for nothing; at least one has to be above 0.",
        ),
        ({"from_hour": 22, "to_hour": 6}, "from hour 22 to 6: it has to be 0 <= fromHour < toHour <= 24."),
        ({"from_hour": 6, "to_hour": 6}, "from hour 6 to 6: it has to be 0 <= fromHour < toHour <= 24."),
        ({"from_hour": -1}, "from hour -1 to 24: it has to be 0 <= fromHour < toHour <= 24."),
        ({"to_hour": 25}, "from hour 0 to 25: it has to be 0 <= fromHour < toHour <= 24."),
        ({"weekdays": frozenset()}, "weekdays: [] holds no day; leave it out to ask for all."),
        ({"target": 1.01}, "target: 1.01 is not a share between 0 and 1."),
        ({"target": float("nan")}, "target: nan is not a share between 0 and 1."),
    ],
)
def test_what_can_not_be_answered_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole sentence is compared
        Question(**wrong)
    assert str(refused.value) == sentence


COUNTS = st.none() | st.integers(0, 8)
# Seconds since the first day began, and how long: many end on another local day or in a repeated hour.
STRETCHES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3 * 86_400), st.integers(1, 20_000), COUNTS, COUNTS), max_size=12
)
QUESTIONS = st.builds(
    lambda least, hours, weekdays: Question(least[0], least[1], hours[0], hours[1], weekdays),
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any),
    st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda hours: hours[0] < hours[1]),
    st.frozensets(st.integers(0, 6), min_size=1),
)
PLACES = st.sampled_from(
    [
        ("Europe/Paris", date(2026, 3, 28)),
        ("Europe/Paris", date(2026, 10, 24)),
        ("Asia/Kathmandu", date(2026, 6, 1)),
        ("America/New_York", date(2026, 11, 1)),
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STRETCHES, QUESTIONS, PLACES)
def test_every_level_equals_a_count_of_seconds(
    history: list[tuple[str, int, int, int | None, int | None]], question: Question, place: tuple[str, date]
) -> None:
    zone, first = ZoneInfo(place[0]), place[1]
    days = [first + timedelta(days=number) for number in range(3)]
    stretches = list(_laid_out(history, local_day(first, zone).start))
    told = tell(stretches, question, place[0], days[0], days[-1])
    rows = [row for day in days if question.asks_of(day) for row in _rows(stretches, day, zone)]
    seen = {station_id: one for station_id, one in seen_by_station(rows, question).items() if one.observed}
    assert asked_micros(question, days, zone) == told.asked * SECOND
    assert seen == {
        station_id: Seen(kept * SECOND, observed * SECOND)
        for station_id, (kept, observed) in told.stations.items()
        if observed
    }


def _laid_out(history: Sequence[tuple[str, int, int, int | None, int | None]], start: datetime) -> Iterator[Stretch]:
    """The stretches without overlaps: a station's next one begins when the one before has ended."""
    ends: dict[str, int] = {}
    for station_id, begin, length, bikes, docks in sorted(history, key=lambda one: one[1]):
        begin = max(begin, ends.get(station_id, 0))
        ends[station_id] = begin + length
        yield Stretch(station_id, start + timedelta(seconds=begin), length, bikes, docks)


def _rows(stretches: Sequence[Stretch], day: date, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The day's rows of station_service, as the batch keeps them."""
    blocks: dict[str, list[Block]] = defaultdict(list)
    for hour in local_day(day, zone).hours():
        for one in stretches:
            end = one.start + timedelta(seconds=one.seconds)
            length = min(end, hour.end) - max(one.start, hour.start)
            if length > timedelta():
                counts = (-1 if one.bikes is None else one.bikes, -1 if one.docks is None else one.docks)
                blocks[one.station_id].append((hour.hour, *counts, length // timedelta(microseconds=1)))
    return [{"station_id": station_id, "hours": hours_text(found)} for station_id, found in blocks.items()]


def test_blocks_are_read_as_json() -> None:
    spaced = orjson.dumps([[6, 2, 2, SECOND]], option=orjson.OPT_INDENT_2).decode()
    seen = seen_by_station([{"station_id": "a", "hours": spaced}], Question(2, 2))
    assert seen == {"a": Seen(SECOND, SECOND)}


def test_the_local_hour_that_comes_twice_is_one_hour_of_double_length() -> None:
    day = local_day(date(2026, 10, 25), PARIS)
    stretch = Stretch("a", datetime(2026, 10, 25, 0, tzinfo=UTC), 7200, 3, 3)
    assert _rows([stretch], day.date, PARIS) == [{"station_id": "a", "hours": f"[[2,3,3,{7200 * SECOND}]]"}]
