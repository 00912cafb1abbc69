"""The figures against a count of every single millisecond."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.pieces import Span
from tests.counted_by_hand import DAY, STATIONS, Publish, Ridden, Seen
from tests.counted_figures import History, every_block, every_episode, every_figure
from tests.observed_world import World, compute, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


START = datetime(2026, 6, 1, tzinfo=UTC)
SPANS = ((0, 40), (40, 100), DAY)
COUNTS = st.one_of(st.none(), st.integers(0, 6))
FLAG = st.integers(0, 4).map(bool)
SEEN = st.builds(Seen, COUNTS, COUNTS, st.sampled_from([None, 0, 2]), FLAG, FLAG, FLAG)
CHARGES = st.sampled_from([None, 0.0, 0.2, 0.5, 1.0])
RIDDEN = st.builds(Ridden, st.booleans(), st.booleans(), st.booleans(), CHARGES, st.integers(22, 26))


def publishes(found: st.SearchStrategy[Any], names: str) -> st.SearchStrategy[list[Publish]]:
    listed = st.dictionaries(st.sampled_from(names), found)
    publish = st.builds(Publish, st.integers(-30, 110), st.integers(1, 60), FLAG, st.integers(0, 4), listed)
    return st.lists(publish, max_size=10)


HISTORY = st.builds(History, publishes(SEEN, STATIONS), publishes(RIDDEN, "VWX"))


def at(tick: int) -> datetime:
    return START + timedelta(milliseconds=tick)


def recorded(histories: Mapping[str, History]) -> World:
    world = World()
    for system_id, history in histories.items():
        for tick, hold, is_observing, expected, found in history.stations:
            world.feed(system_id, at(tick), hold / 1000, is_observing, entities_expected=expected)
            for station_id, seen in found.items() if is_observing else ():
                world.status(system_id, station_id, at(tick), **seen._asdict())
        for tick, hold, is_observing, _, found in history.vehicles:
            world.feed(system_id, at(tick), hold / 1000, is_observing, feed="vehicle_status")
            for vehicle_id, ridden in found.items() if is_observing else ():
                world.vehicle(system_id, vehicle_id, at(tick), **as_record(ridden, at(tick)))
    return world


def as_record(ridden: Ridden, polled_at: datetime) -> dict[str, Any]:
    still_since = polled_at - timedelta(hours=ridden.still)
    return {
        "station_id": None if ridden.is_outside else "A",
        "is_reserved": ridden.is_reserved,
        "is_disabled": ridden.is_disabled,
        "charge": ridden.charge,
        "still_since": still_since if ridden.is_outside and not ridden.is_reserved else None,
    }


def made_histories(count: int) -> list[History]:
    """What Hypothesis thinks of. All of it goes through the same few Spark jobs, since each job takes a second."""
    found: list[History] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate])
    @given(HISTORY)
    def collect(history: History) -> None:
        found.append(history)

    collect()
    return found


@pytest.fixture(scope="module")
def histories() -> list[History]:
    found = made_histories(450)
    assert sum(bool(history.stations and history.vehicles) for history in found) > 200
    return found


@pytest.mark.parametrize(("part", "until"), [(0, 100), (1, 64), (2, 23)])
def test_every_figure_equals_a_count_of_milliseconds(
    spark: SparkSession, histories: list[History], part: int, until: int
) -> None:
    systems = {f"system-{number}": history for number, history in enumerate(histories[part::3])}
    computed = compute(spark, recorded(systems).tables(), [Span(at(begin), at(end)) for begin, end in SPANS], at(until))
    found: dict[tuple[Any, ...], dict[str, Any]] = {**computed.stations, **computed.networks}
    assert differences(found, dict(every_figure(systems, SPANS, until))) == []
    episodes = {(*key[:3], key[3] // 1000 - START_MS): tuple(row.values()) for key, row in computed.episodes.items()}
    assert episodes == dict(every_episode(systems, until))
    blocks = {key: row["micros"] // 1000 for key, row in computed.blocks.items()}
    assert blocks == every_block(systems, SPANS, until)


START_MS = round(START.timestamp() * 1000)
