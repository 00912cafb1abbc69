"""The figures against two others: DuckDB's over whole local days, and a count of every single millisecond."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.days import local_day
from pipeline.pieces import Span
from tests import figures_oracle
from tests.counted_by_hand import DAY, STATIONS, Publish, Ridden, Seen
from tests.counted_figures import History, every_block, every_episode, every_figure
from tests.observed_world import World, compute, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


# Whole local days


def restless_city(day: date, zone: str) -> World:
    """Five stations over a local day and two hours to both sides, with everything that may go wrong."""
    chance = random.Random(f"{day} {zone}")
    local = local_day(day, ZoneInfo(zone))
    world, instant = World(), local.start - timedelta(hours=2)
    polls: list[datetime] = []
    while instant < local.end + timedelta(hours=2):
        polls.append(instant)
        # Late polls, and now and then a gap that is longer than the hold.
        instant += timedelta(milliseconds=chance.randint(20_000, 400_000) if chance.random() > 0.02 else 7_200_001)
    # A part of them is replayed later, out of order and with other numbers.
    for polled_at in polls + chance.sample(polls, len(polls) // 5):
        add_poll(world, chance, polled_at)
    return world


def add_poll(world: World, chance: random.Random, polled_at: datetime) -> None:
    is_observing = chance.random() > 0.05
    world.feed("city", polled_at, chance.choice([180.0, 240.5]), is_observing, entities_expected=chance.randint(4, 6))
    if chance.random() > 0.3:
        add_vehicles(world, chance, polled_at)
    for station_id in "ABCDE" if is_observing and chance.random() > 0.02 else "":
        if chance.random() > 0.1:
            world.status(
                "city",
                station_id,
                polled_at,
                chance.choice([None, 0, 0, 1, 7]),
                chance.choice([None, 0, 0, 3, 9]),
                bikes_disabled=chance.choice([None, 0, 2]),
                is_installed=chance.random() > 0.1,
                is_renting=chance.random() > 0.2,
                is_returning=chance.random() > 0.2,
            )


def add_vehicles(world: World, chance: random.Random, polled_at: datetime) -> None:
    feed = chance.choice(["vehicle_status", "free_bike_status"])
    world.feed("city", polled_at, chance.choice([180.0, 300.0]), chance.random() > 0.1, feed=feed)
    for vehicle_id in chance.sample("UVWXYZ", chance.randint(0, 6)):
        station_id, is_reserved = chance.choice([None, None, "A"]), chance.random() > 0.7
        stands = station_id is None and not is_reserved
        world.vehicle(
            "city",
            vehicle_id,
            polled_at,
            station_id=station_id,
            is_reserved=is_reserved,
            is_disabled=chance.random() > 0.7,
            charge=chance.choice([None, 0.1, 0.2, 0.35, 1.0]),
            still_since=polled_at - timedelta(hours=chance.randint(22, 26)) if stands else None,
        )


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Paris", 23),
        (date(2026, 10, 25), "Europe/Paris", 25),
        (date(2026, 6, 1), "Asia/Kolkata", 24),
    ],
)
def test_a_local_day_equals_duckdb(spark: SparkSession, day: date, zone: str, hours: int) -> None:
    world, local = restless_city(day, zone), local_day(day, ZoneInfo(zone))
    spans = [*(Span(hour.start, hour.end) for hour in local.hours()), Span(local.start, local.end)]
    assert len(spans) == hours + 1
    computed = compute(spark, world, spans, local.end)
    tables = (world.status_table(), world.feed_table(), world.vehicle_table())
    oracle = figures_oracle.figures(*tables, zone, day, local.end)
    assert differences(_of_hours(computed.stations, spans), oracle.hours) == []
    assert differences(_of_day(computed.stations, spans), oracle.days) == []
    assert differences(_of_hours(computed.networks, spans), oracle.network_hours) == []
    of_day = {key[0]: row for key, row in _of_day(computed.networks, spans).items()}
    assert differences(of_day, oracle.networks) == []
    episodes = {
        (*key[:2], key[2].upper(), EPOCH + timedelta(microseconds=key[3])): {
            "seconds": row["episode_micros"] / 1e6,
            "is_censored": row["is_censored"],
        }
        for key, row in computed.episodes.items()
    }
    assert differences(episodes, oracle.episodes) == []


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _of_hours(figures: Mapping[Any, dict[str, Any]], spans: Sequence[Span]) -> dict[Any, dict[str, Any]]:
    last = len(spans) - 1
    return {(*key[:-1], spans[key[-1]].start): row for key, row in figures.items() if key[-1] < last}


def _of_day(figures: Mapping[Any, dict[str, Any]], spans: Sequence[Span]) -> dict[Any, dict[str, Any]]:
    return {key[:-1]: row for key, row in figures.items() if key[-1] == len(spans) - 1}


# Every millisecond

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


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Every step of a shrink would be some Spark jobs; the failing system is named by the comparison anyhow.
    phases=[Phase.explicit, Phase.generate],
)
@given(st.lists(HISTORY, min_size=80, max_size=80), st.integers(0, 100))
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_every_figure_equals_a_count_of_milliseconds(spark: SparkSession, histories: list[History], until: int) -> None:
    systems = {f"system-{number}": history for number, history in enumerate(histories)}
    computed = compute(spark, recorded(systems), [Span(at(begin), at(end)) for begin, end in SPANS], at(until))
    found: dict[tuple[Any, ...], dict[str, Any]] = {**computed.stations, **computed.networks}
    assert differences(found, dict(every_figure(systems, SPANS, until))) == []
    episodes = {(*key[:3], key[3] // 1000 - START_MS): tuple(row.values()) for key, row in computed.episodes.items()}
    assert episodes == dict(every_episode(systems, until))
    blocks = {key: row["micros"] // 1000 for key, row in computed.blocks.items()}
    assert blocks == every_block(systems, SPANS, until)


START_MS = round(START.timestamp() * 1000)
