"""The SQL of what a station or a vehicle counts as, against the same said in Python."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from statistics import quantiles
from typing import TYPE_CHECKING

import pytest

from pipeline.conditions import charge_quartiles, has_low_charge, imbalance, is_abandoned, is_unusable
from pipeline.model import Record, StationStatus, Thresholds
from tests.counted_network import unevenness
from tests.made_polls import START, station, vehicle
from tests.test_network import records_frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def asked(spark: SparkSession, records: list[Record], sql: str) -> object:
    """What an aggregate says of the records."""
    (row,) = records_frame(spark, records).selectExpr("record.*").selectExpr(f"{sql} AS said").collect()
    return row.said


def met(spark: SparkSession, records: list[Record], condition: str) -> set[str]:
    """The entities that meet the condition."""
    frame = records_frame(spark, records).selectExpr("entity", "record.*").where(condition)
    return {row.entity for row in frame.collect()}


def test_a_station_is_unusable_where_one_can_not_rent_or_not_return(spark: SparkSession) -> None:
    counts, flags = (None, 0, 4), (False, True)
    stations = [
        station(str(number), bikes, docks, START, is_installed=installed, is_renting=renting, is_returning=returning)
        for number, (bikes, docks, installed, renting, returning) in enumerate(
            product(counts, counts, flags, flags, flags)
        )
    ]

    def is_usable(one: StationStatus) -> bool:
        return one.is_installed and one.is_renting and one.is_returning and 0 not in (one.bikes, one.docks)

    unusable = {one.station_id for one in stations if not is_usable(one)}
    assert met(spark, list(stations), is_unusable()) == unusable


def test_a_vehicle_is_abandoned_from_the_threshold_on(spark: SparkSession) -> None:
    since: dict[str, datetime | None] = {
        "early": START - timedelta(hours=1.5) + timedelta(milliseconds=1),
        "just": START - timedelta(hours=1.5),
        "long": START - timedelta(days=9),
        "moved": None,
    }
    vehicles: list[Record] = [vehicle(key, None, START, still_since=instant) for key, instant in since.items()]
    assert met(spark, vehicles, is_abandoned(Thresholds(abandoned_hours=1.5))) == {"just", "long"}


def test_a_charge_is_low_up_to_the_threshold(spark: SparkSession) -> None:
    charges = (None, 0.0, 0.3, 0.1 + 0.2, 1.0)
    vehicles: list[Record] = [vehicle(str(charge), None, START, charge=charge) for charge in charges]
    assert met(spark, vehicles, has_low_charge(Thresholds(low_charge=0.3))) == {"0.0", "0.3"}


@pytest.mark.parametrize(
    "counts",
    [
        [(5, 5), (10, 10), (1, 1)],
        [(10, 0), (0, 10)],
        [(7, 3), (0, 13), (2, 5), (None, 4), (6, None), (0, 0)],
        [(0, 10), (0, 4)],
        [(0, 0)],
        [(None, 10)],
        [(9_999, 0), (0, 9_999), (1, 9_999)],
    ],
)
def test_the_imbalance_is_what_is_to_be_moved(spark: SparkSession, counts: list[tuple[int | None, int | None]]) -> None:
    stations: list[Record] = [station(str(number), *given, START) for number, given in enumerate(counts)]
    assert asked(spark, stations, imbalance()) == unevenness(counts)


@pytest.mark.parametrize("charges", [[], [None], [0.4], [0.1, 0.9], [0.5, None, 0.1, 0.3, 1.0, 0.2]])
def test_quartiles_are_exact_over_the_known_charges(spark: SparkSession, charges: list[float | None]) -> None:
    vehicles: list[Record] = [
        vehicle(str(number), None, START, charge=charge) for number, charge in enumerate(charges)
    ] or [station("a", 1, 1, START)]
    known = [charge for charge in charges if charge is not None]
    expected = (
        None if not known else pytest.approx(quantiles(known * 2 if len(known) == 1 else known, method="inclusive"))
    )
    assert asked(spark, vehicles, charge_quartiles()) == expected
