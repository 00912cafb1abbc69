"""The figures of whole local days against DuckDB's: a restless day, a year with all that happens in one, and Paris."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.days import local_day
from pipeline.pieces import Span
from tests import figures_oracle
from tests.observed_world import STATUS_SCHEMA, Tables, World, compute, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARIS = "Europe/Paris"


def assert_equals_duckdb(spark: SparkSession, tables: Tables, zone: str, day: date) -> figures_oracle.Oracle:
    """All figures of the day; what DuckDB makes of it."""
    local = local_day(day, ZoneInfo(zone))
    spans = [*(Span(hour.start, hour.end) for hour in local.hours()), Span(local.start, local.end)]
    computed = compute(spark, tables, spans, local.end)
    oracle = figures_oracle.figures(*tables, zone, day, local.end)
    assert differences(_of_hours(computed.stations, spans), oracle.hours) == []
    assert differences(_of_day(computed.stations, spans), oracle.days) == []
    assert differences(_of_hours(computed.networks, spans), oracle.network_hours) == []
    assert differences({key[0]: row for key, row in _of_day(computed.networks, spans).items()}, oracle.networks) == []
    episodes = {
        (*key[:2], key[2].upper(), EPOCH + timedelta(microseconds=key[3])): {
            "seconds": row["episode_micros"] / 1e6,
            "is_censored": row["is_censored"],
        }
        for key, row in computed.episodes.items()
    }
    assert differences(episodes, oracle.episodes) == []
    return oracle


def _of_hours(figures: Mapping[Any, dict[str, Any]], spans: Sequence[Span]) -> dict[Any, dict[str, Any]]:
    last = len(spans) - 1
    return {(*key[:-1], spans[key[-1]].start): row for key, row in figures.items() if key[-1] < last}


def _of_day(figures: Mapping[Any, dict[str, Any]], spans: Sequence[Span]) -> dict[Any, dict[str, Any]]:
    return {key[:-1]: row for key, row in figures.items() if key[-1] == len(spans) - 1}


# A day in which everything goes wrong


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
    assert len(local_day(day, ZoneInfo(zone)).hours()) == hours
    oracle = assert_equals_duckdb(spark, restless_city(day, zone).tables(), zone, day)
    assert len(oracle.days) == 5
    assert len(oracle.network_hours) > 18


# A year

YEAR = 2026
POLL = timedelta(minutes=20)
YEAR_HOLD = 3600.0


class Station:
    """A station whose bikes come and go in its own way, over a year."""

    def __init__(self, name: str, places: int, chance: random.Random) -> None:
        self.name, self.places = name, places
        self._chance = chance
        self._bikes = places // 2
        self._flapping = 0

    def is_there(self, polled_at: datetime) -> bool:
        """One is there in the first half of each month only."""
        return self.name != "vanishing" or polled_at.day < 15

    def bikes(self) -> int:
        if self.name == "flapping" and self._flapping:
            self._bikes, self._flapping = self._bikes + self._flapping, 0
        elif self._chance.random() < 0.3:
            step = self._chance.choice([-3, -1, 1, 2])
            before = self._bikes
            self._bikes = min(self.places, max(0, self._bikes + step))
            self._flapping = before - self._bikes
        return self._bikes


def whole_year() -> Tables:
    """Five stations, polled every 20 minutes or, now and then, within 9; gaps of hours and of days."""
    chance = random.Random(YEAR)
    stations = [Station(name, places, chance) for name, places in PLACES.items()]
    world, polled_at = World(), datetime(YEAR - 1, 12, 30, tzinfo=UTC)
    while polled_at < datetime(YEAR + 1, 1, 2, tzinfo=UTC):
        found = {station: station.bikes() for station in stations if station.is_there(polled_at)}
        # Some polls are published twice, with the other numbers of a replay.
        for more in range(1 + (chance.random() < 0.05)):
            world.feed("city", polled_at, YEAR_HOLD, entities_expected=len(stations))
            for station, bikes in found.items():
                world.status("city", station.name, polled_at, max(0, bikes - more), station.places - bikes)
        polled_at += _wait(chance)
    tables = world.tables()
    # Late polls: the order in which records come must not matter.
    shuffled = pa.array(chance.sample(range(tables.statuses.num_rows), tables.statuses.num_rows))
    return tables._replace(statuses=tables.statuses.take(shuffled))


PLACES = {"large": 40, "small": 3, "flapping": 12, "vanishing": 8, "without places": 0}


def _wait(chance: random.Random) -> timedelta:
    luck = chance.random()
    if luck < 0.0005:
        return timedelta(days=chance.randint(1, 3))
    if luck < 0.01:
        return timedelta(hours=chance.randint(2, 9))
    return POLL if luck < 0.8 else timedelta(minutes=chance.randint(1, 9))


@pytest.fixture(scope="module")
def year() -> Tables:
    return whole_year()


@pytest.mark.parametrize(
    "day",
    [
        date(YEAR, 1, 1),
        date(YEAR, 3, 14),
        date(YEAR, 3, 15),
        date(YEAR, 3, 29),
        date(YEAR, 8, 2),
        date(YEAR, 10, 25),
        date(YEAR, 12, 31),
    ],
)
def test_a_day_of_a_year_equals_duckdb(spark: SparkSession, year: Tables, day: date) -> None:
    assert_equals_duckdb(spark, _around(year, day), PARIS, day)


def _around(tables: Tables, day: date) -> Tables:
    """What the batch would read, and more: three days to both sides."""
    local = local_day(day, ZoneInfo(PARIS))
    first, last = local.start - timedelta(days=3), local.end + timedelta(days=3)

    def part(table: pa.Table) -> pa.Table:
        polled_at = table["polled_at"]
        return table.filter(pc.and_(pc.greater_equal(polled_at, pa.scalar(first)), pc.less(polled_at, pa.scalar(last))))

    return Tables(*map(part, tables))


# Paris, 1,511 stations, a recorded night


def recorded_paris(folder: Path) -> Tables:
    """The recording as records; times cut to milliseconds, as in records."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE VIEW night AS SELECT *, date_trunc('milliseconds', fetched_at::TIMESTAMPTZ) AS polled_at"
            f" FROM read_parquet('{folder}/2026-*.parquet')"
        )
        statuses = connection.sql(
            "SELECT system_id, station_id, polled_at, row_number() OVER () AS offset, num_bikes_available AS bikes,"
            " num_docks_available AS docks, NULL::BIGINT AS bikes_disabled, NULL::BIGINT AS docks_disabled,"
            " true AS is_installed, is_renting, is_returning FROM night"
        ).to_arrow_table()
        polls = connection.sql("SELECT system_id, polled_at, count(*) AS stations FROM night GROUP BY ALL")
        world = World()
        for system_id, polled_at, stations in polls.fetchall():
            world.feed(system_id, polled_at, 180.0, entities=stations, entities_expected=stations)
    return Tables(statuses.cast(STATUS_SCHEMA), world.feed_table(), world.vehicle_table())


def test_the_recorded_night_of_paris_equals_duckdb(spark: SparkSession, shared_data: Path) -> None:
    oracle = assert_equals_duckdb(spark, recorded_paris(shared_data / "fr-1min" / "Paris"), PARIS, date(2026, 3, 3))
    assert len(oracle.days) > 1_500
