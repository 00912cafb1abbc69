"""The figures against two others: DuckDB's over whole local days, and a count of every single millisecond."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.days import local_day
from pipeline.pieces import Span
from tests import figures_oracle
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
    world.feed("city", polled_at, chance.choice([180.0, 240.5]), is_observing)
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
    oracle = figures_oracle.figures(world.status_table(), world.feed_table(), zone, day, local.end)
    starts = {
        (system_id, station_id, spans[span].start): row
        for (system_id, station_id, span), row in computed.stations.items()
        if span < hours
    }
    days = {key[:2]: row for key, row in computed.stations.items() if key[2] == hours}
    assert differences(starts, oracle.hours) == []
    assert differences(days, oracle.days) == []
    assert differences({"city": computed.networks["city", hours]}, oracle.networks) == []


# Every millisecond

START = datetime(2026, 6, 1, tzinfo=UTC)
SPANS = ((0, 40), (40, 100), (0, 100))
COUNTS = st.one_of(st.none(), st.integers(0, 3))
FLAG = st.integers(0, 4).map(bool)


class Seen(NamedTuple):
    bikes: int | None
    docks: int | None
    is_installed: bool
    is_renting: bool
    is_returning: bool


class Publish(NamedTuple):
    """What one publish says of the poll at ``tick`` (a millisecond after START); a poll may come more than once."""

    tick: int
    hold: int
    is_observing: bool
    stations: dict[str, Seen]


SEEN = st.builds(Seen, COUNTS, COUNTS, FLAG, FLAG, FLAG)
PUBLISH = st.builds(
    Publish, st.integers(-30, 110), st.integers(1, 60), FLAG, st.dictionaries(st.sampled_from("ABC"), SEEN)
)
PUBLISHES = st.lists(PUBLISH, max_size=8)


class State(NamedTuple):
    hold_ms: int
    stations: dict[str, Seen]
    is_first: bool


def state_at(publishes: list[Publish], tick: int) -> State | None:
    """What was known at that millisecond, by the definition and nothing else."""
    observing = [publish for publish in publishes if publish.is_observing and publish.tick <= tick]
    if not observing:
        return None
    polled = max(publish.tick for publish in observing)
    hold = [publish.hold for publish in observing if publish.tick == polled][-1]
    if tick >= polled + hold:
        return None
    stations: dict[str, Seen] = {}
    for publish in publishes:
        if publish.tick == polled and publish.is_observing:
            stations |= publish.stations
    return State(hold, stations, tick == polled)


def mean(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def stock(name: str, values: list[int | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    return {
        f"{name}_mean": mean(values),
        f"{name}_min": min(known, default=None),
        f"{name}_max": max(known, default=None),
    }


def is_empty(seen: Seen) -> bool:
    return seen.is_installed and seen.is_renting and seen.bikes == 0


def is_full(seen: Seen) -> bool:
    return seen.is_installed and seen.is_returning and seen.docks == 0


def is_closed(seen: Seen) -> bool:
    return not seen.is_installed or not (seen.is_renting or seen.is_returning)


def observed(states: list[State], span_ms: int) -> dict[str, float]:
    return {
        "observed_seconds": len(states) / 1000,
        "coverage": len(states) / span_ms,
        "hold_seconds": max(state.hold_ms for state in states) / 1000,
    }


def station_by_hand(states: list[State], station_id: str, span_ms: int) -> dict[str, float | None]:
    mine = [state.stations[station_id] for state in states]
    return (
        stock("bikes", [seen.bikes for seen in mine])
        | stock("docks", [seen.docks for seen in mine])
        | {
            "empty_seconds": sum(map(is_empty, mine)) / 1000,
            "full_seconds": sum(map(is_full, mine)) / 1000,
            "closed_seconds": sum(map(is_closed, mine)) / 1000,
        }
        | observed(states, span_ms)
    )


def network_by_hand(states: list[State], span_ms: int) -> dict[str, float | None]:
    def total(name: str) -> list[int | None]:
        known = [[getattr(seen, name) for seen in state.stations.values()] for state in states]
        return [sum(count for count in counts if count is not None) if any_known(counts) else None for counts in known]

    empty, full, closed = (
        [sum(map(condition, state.stations.values())) for state in states]
        for condition in (is_empty, is_full, is_closed)
    )
    stations = sum(len(state.stations) for state in states)
    return (
        stock("bikes", total("bikes"))
        | stock("docks", total("docks"))
        | {
            "stations_empty_mean": sum(empty) / len(states),
            "stations_full_mean": sum(full) / len(states),
            "stations_closed_mean": sum(closed) / len(states),
            "empty_share": sum(empty) / stations if stations else None,
            "full_share": sum(full) / stations if stations else None,
        }
        | observed(states, span_ms)
    )


def any_known(counts: list[int | None]) -> bool:
    return any(count is not None for count in counts)


def by_hand(worlds: Mapping[str, list[Publish]], until: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Keys and figures of every station and network and span in which anything was observed."""
    for system_id, publishes in worlds.items():
        for span, (begin, end) in enumerate(SPANS):
            known = [state_at(publishes, tick) for tick in range(begin, min(end, until))]
            states = [state for state in known if state is not None]
            if states:
                polls = sum(state.is_first for state in states)
                yield (system_id, span), network_by_hand(states, end - begin) | {"polls": polls}
            for station_id in "ABC":
                mine = [state for state in states if station_id in state.stations]
                if mine:
                    yield (system_id, station_id, span), station_by_hand(mine, station_id, end - begin)


def at(tick: int) -> datetime:
    return START + timedelta(milliseconds=tick)


def recorded(worlds: Mapping[str, list[Publish]]) -> World:
    world = World()
    for system_id, publishes in worlds.items():
        for publish in publishes:
            world.feed(system_id, at(publish.tick), publish.hold / 1000, publish.is_observing)
            for station_id, seen in publish.stations.items() if publish.is_observing else ():
                world.status(system_id, station_id, at(publish.tick), **seen._asdict())
    return world


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Every step of a shrink would be two Spark jobs; the failing system is named by the comparison anyhow.
    phases=[Phase.explicit, Phase.generate],
)
@given(st.lists(PUBLISHES, min_size=40, max_size=40), st.integers(0, 100))
def test_every_figure_equals_a_count_of_milliseconds(
    spark: SparkSession, histories: list[list[Publish]], until: int
) -> None:
    worlds = {f"system-{number}": publishes for number, publishes in enumerate(histories)}
    computed = compute(spark, recorded(worlds), [Span(at(begin), at(end)) for begin, end in SPANS], at(until))
    found: dict[tuple[Any, ...], dict[str, Any]] = {**computed.stations, **computed.networks}
    assert differences(found, dict(by_hand(worlds, until))) == []
