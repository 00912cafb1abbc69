"""The SQL of a station's state and of the network's totals says what the model says."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

from pipeline.decode import decoded
from pipeline.model import (
    TOPIC_OF,
    FeedState,
    NetworkStatus,
    Record,
    StationStatus,
    Thresholds,
    encode,
    station_state,
)
from pipeline.network import state_sql, totals_sql
from pipeline.results import TOPICS
from tests.counted_network import compared, made_poll, unevenness, zero
from tests.made_polls import MINUTE, START, SYSTEM, feed, poll, station, vehicle

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

LOG_SCHEMA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
)


def log_frame(spark: SparkSession, records: list[Record]) -> DataFrame:
    """The records as rows of the log, in order."""
    rows = [
        (record.key.encode(), bytearray(encode(record)), str(TOPIC_OF[type(record)]), 0, offset, START, 1)
        for offset, record in enumerate(records)
    ]
    return spark.createDataFrame(rows, LOG_SCHEMA)


def records_frame(spark: SparkSession, records: list[Record]) -> DataFrame:
    """The records in the log, decoded."""
    return decoded(log_frame(spark, records), TOPICS)


def totals(spark: SparkSession, records: list[Record], thresholds: Thresholds = Thresholds()) -> list[NetworkStatus]:  # noqa: B008
    records_frame(spark, records).createOrReplaceTempView("records")
    found = spark.sql(totals_sql("records", thresholds) + " ORDER BY polled_at").toArrow().to_pylist()
    return [NetworkStatus(**row) for row in found]


def _grid() -> list[StationStatus]:
    counts, flags = (None, 0, 1, 3, 4, 5, 9), (False, True)
    return [
        station(
            f"s{number}",
            bikes,
            docks,
            START,
            is_installed=installed,
            is_renting=renting,
            is_returning=returning,
            hold_seconds=hold,
        )
        for number, (bikes, docks, installed, renting, returning, hold) in enumerate(
            product(counts, counts, flags, flags, flags, (60.0, 180.0))
        )
    ]


@pytest.mark.parametrize("thresholds", [Thresholds(), Thresholds(0, 0), Thresholds(5, 1)])
@pytest.mark.parametrize("seconds", [0, 60, 179.999, 180])
def test_a_state_in_sql_is_the_state_of_the_model(spark: SparkSession, thresholds: Thresholds, seconds: float) -> None:
    now = START + timedelta(seconds=seconds)
    grid = _grid()
    rule = state_sql(thresholds, "record", f"TIMESTAMP '{now.isoformat()}'")
    asked = records_frame(spark, list(grid)).selectExpr("entity", f"{rule} AS state").collect()
    assert {row.entity: row.state for row in asked} == {
        status.station_id: str(station_state(status, now, thresholds)) for status in grid
    }


def test_a_station_never_seen_is_unknown_in_sql_too(spark: SparkSession) -> None:
    absent = "CAST(NULL AS struct<polled_at: timestamp, hold_seconds: double, is_installed: boolean,"
    absent += " is_renting: boolean, is_returning: boolean, bikes: bigint, docks: bigint>)"
    (row,) = spark.sql(f"SELECT {state_sql(Thresholds(), absent, 'now()')} AS state").collect()
    assert row.state == str(station_state(None, START, Thresholds()))


def test_totals_count_states_and_conditions(spark: SparkSession) -> None:
    stations = [
        station("normal", 7, 6, START, bikes_disabled=2, docks_disabled=1),
        station("empty", 0, 10, START),
        station("full", 10, 0, START),
        station("both", 0, 0, START),
        station("nearly empty", 3, 9, START),
        station("nearly full", 9, 3, START),
        station("closed", 5, 0, START, is_renting=False, is_returning=False),
        station("out of service", 0, 0, START, is_installed=False),
        station("says nothing", None, None, START),
        station("no renting", 0, 9, START, is_renting=False),
    ]
    expected = feed("station_status", START, entities=10, entities_expected=12)
    assert totals(spark, [expected, *stations]) == [
        zero(
            stations_expected=12,
            stations_reporting=10,
            bikes=34,
            docks=37,
            bikes_disabled=2,
            docks_disabled=1,
            stations_empty=2,
            stations_full=2,
            stations_nearly_empty=2,
            stations_nearly_full=1,
            stations_closed=2,
            stations_unknown=3,
            stations_unusable=6,
            imbalance=unevenness([(7, 6), (0, 10), (10, 0), (0, 0), (3, 9), (9, 3), (5, 0), (0, 0), (0, 9)]),
            fleet=36,
        )
    ]


def test_a_poll_that_finds_no_station_has_totals_of_zero(spark: SparkSession) -> None:
    nothing = feed("station_status", START, entities=0, entities_expected=3)
    assert totals(spark, [nothing]) == [zero(stations_expected=3, stations_unknown=3)]


@pytest.mark.parametrize("state", [FeedState.STALE, FeedState.REFUSED, FeedState.UNREACHABLE])
def test_a_poll_that_observes_no_stations_has_no_totals(spark: SparkSession, state: FeedState) -> None:
    assert totals(spark, [feed("station_status", START, state=state, is_observing=False)]) == []


def test_without_a_declared_number_as_many_are_expected_as_report(spark: SparkSession) -> None:
    records = [feed("station_status", START), station("a", 5, 5, START), station("b", 5, 5, START)]
    (found,) = totals(spark, records)
    assert (found.stations_expected, found.stations_reporting, found.stations_unknown) == (2, 2, 0)


def test_vehicles_count_only_where_their_feed_was_taken(spark: SparkSession) -> None:
    second, third = START + MINUTE, START + 2 * MINUTE
    records = [
        *poll(START, {"a": (5, 5)}),
        feed("vehicle_status", START),
        vehicle("1", "a", START, is_reserved=True),
        vehicle("2", None, START, is_disabled=True),
        vehicle("3", None, START),
        *poll(second, {"a": (5, 5)}),
        feed("vehicle_status", second),
        *poll(third, {"a": (5, 5)}),
        feed("vehicle_status", third, state=FeedState.STALE, is_observing=False),
    ]
    assert [
        (found.vehicles_outside_stations, found.vehicles_reserved, found.vehicles_disabled)
        for found in totals(spark, records)
    ] == [(2, 1, 1), (0, 0, 0), (None, None, None)]


def fleet_of(spark: SparkSession, records: list[Record]) -> int | None:
    (found,) = totals(spark, records)
    return found.fleet


def test_the_fleet_is_what_stands_at_stations_and_outside(spark: SparkSession) -> None:
    stations = [
        feed("station_status", START, entities=3),
        station("a", 5, 5, START, bikes_disabled=2),
        station("b", 1, 5, START, is_installed=False),
        station("c", None, 5, START, bikes_disabled=1),
    ]
    vehicles = [
        feed("vehicle_status", START, entities=3),
        vehicle("at a", "a", START),
        vehicle("out", None, START, is_disabled=True),
        vehicle("taken", None, START, is_reserved=True),
    ]
    assert fleet_of(spark, [*stations, *vehicles]) == 5 + 2 + 1 + 1 + 2


@pytest.mark.parametrize(
    ("more", "fleet"),
    [
        ([], 7),
        ([feed("free_bike_status", START)], 7),
        ([feed("vehicle_status", START, state=FeedState.STALE, is_observing=False)], None),
        ([feed("system_information", START)], 7),
        ([feed("station_status", START, entities=1, has_vehicle_feed=False)], 7),
        ([feed("station_status", START, entities=1, has_vehicle_feed=True)], None),
        ([feed("station_status", START, has_vehicle_feed=True), feed("vehicle_status", START)], 7),
    ],
)
def test_the_fleet_is_unknown_where_the_vehicles_are(
    spark: SparkSession, more: list[Record], fleet: int | None
) -> None:
    assert fleet_of(spark, [*poll(START, {"a": (7, 3)}), *more]) == fleet


def test_stations_that_tell_no_bikes_leave_the_fleet_unknown(spark: SparkSession) -> None:
    vehicles = [feed("vehicle_status", START), vehicle("out", None, START)]
    assert fleet_of(spark, [feed("station_status", START), station("a", None, 5, START), *vehicles]) is None
    assert fleet_of(spark, [feed("station_status", START, entities=0), *vehicles]) == 1


def test_vehicles_are_abandoned_and_low_by_the_thresholds(spark: SparkSession) -> None:
    hour = timedelta(hours=1)
    records = [
        *poll(START, {"a": (7, 3)}),
        feed("vehicle_status", START),
        vehicle("1", None, START, still_since=START - 2 * hour, charge=0.05),
        vehicle("2", None, START, still_since=START - 5 * hour, charge=0.15),
        vehicle("3", None, START, still_since=START, charge=0.4),
        vehicle("4", "a", START, charge=1.0),
        vehicle("5", None, START, still_since=START - 48 * hour),
    ]
    (found,) = totals(spark, records)
    assert (found.vehicles_abandoned, found.vehicles_low_charge) == (1, 2)
    (found,) = totals(spark, records, Thresholds(low_charge=0.1, abandoned_hours=2))
    assert (found.vehicles_abandoned, found.vehicles_low_charge) == (3, 1)
    quartiles = (found.charge_low_quartile, found.charge_median, found.charge_high_quartile)
    assert quartiles == pytest.approx((0.125, 0.275, 0.55))


def test_where_no_charge_is_known_none_is_low(spark: SparkSession) -> None:
    records = [*poll(START, {"a": (7, 3)}), feed("vehicle_status", START)]
    (none,) = totals(spark, records)
    (silent,) = totals(spark, [*records, vehicle("1", None, START)])
    assert [(found.vehicles_low_charge, found.charge_median) for found in (none, silent)] == [(0, None), (None, None)]


def test_totals_of_cities_made_at_random_are_those_counted_one_by_one(spark: SparkSession) -> None:
    chance = random.Random(20260302)
    made = [made_poll(chance, START + number * MINUTE) for number in range(200)]
    found = totals(spark, [record for records, _ in made for record in records])
    for total, (_, expected) in zip(found, made, strict=True):
        assert compared(total) == pytest.approx(compared(expected), rel=1e-12)


def test_a_poll_that_the_log_holds_twice_counts_once_and_the_later_copy_wins(spark: SparkSession) -> None:
    (found,) = totals(spark, [*poll(START, {"a": (1, 9), "b": (5, 5)}), *poll(START, {"a": (2, 8), "b": (5, 5)})])
    assert (found.stations_reporting, found.bikes, found.docks) == (2, 7, 13)


def test_totals_of_systems_and_polls_are_their_own(spark: SparkSession) -> None:
    other = [feed("station_status", START, system_id="lyon"), station("a", 9, 9, START, system_id="lyon")]
    found = totals(spark, [*poll(START, {"a": (1, 9)}), *other, *poll(START + MINUTE, {"a": (2, 8)})])
    assert sorted((total.system_id, total.polled_at, total.bikes) for total in found) == [
        (SYSTEM, START, 1),
        (SYSTEM, START + MINUTE, 2),
        ("lyon", START, 9),
    ]
