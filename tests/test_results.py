"""What a micro-batch means for the store, wherever it begins and ends."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import tables
from pipeline.decode import decoded
from pipeline.model import TOPIC_OF, Record, StationInformation, SystemInformation, Thresholds, encode
from pipeline.ports import Row, TopicPartition
from pipeline.results import TOPICS, Refused, Results, read_results, results_of
from pipeline.tables import Table
from tests.made_polls import MINUTE, START, SYSTEM, feed, poll, station, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

LOG_SCHEMA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
)


def results(spark: SparkSession, records: Sequence[Record | tuple[str, bytes]], first: int = 0) -> Results:
    """The results of a micro-batch that begins at this offset."""
    rows = []
    for offset, record in enumerate(records, first):
        topic, value = record if isinstance(record, tuple) else (str(TOPIC_OF[type(record)]), encode(record))
        rows.append((b"key", bytearray(value), topic, 0, offset, START, 1))
    batch = decoded(spark.createDataFrame(rows, LOG_SCHEMA), TOPICS).persist()
    try:
        return read_results(results_of(batch, Thresholds()).toArrow())
    finally:
        batch.unpersist()


def known(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_the_newest_record_of_each_entity_is_the_latest(spark: SparkSession) -> None:
    later = START + MINUTE
    system = SystemInformation(system_id=SYSTEM, polled_at=START, name="Brest", time_zone="Europe/Paris")
    information = StationInformation(system_id=SYSTEM, polled_at=START, station_id="a", name="Gare", lat=1.5, lon=2.5)
    records = [
        system,
        information,
        station("a", 2, 8, later),
        station("a", 1, 9, START),
        vehicle("v", "a", START),
        vehicle("v", None, later),
        feed("station_status", START),
    ]
    rows = results(spark, records).rows
    assert known(rows[tables.SYSTEM]) == [
        {"part": "all", "system_id": SYSTEM, "polled_at": START, "name": "Brest", "time_zone": "Europe/Paris"}
    ]
    assert known(rows[tables.STATION]) == [
        {
            "system_id": SYSTEM,
            "station_id": "a",
            "polled_at": START,
            "name": "Gare",
            "lat": 1.5,
            "lon": 2.5,
            "is_virtual": False,
        }
    ]
    (latest,) = known(rows[tables.STATION_LATEST])
    assert (latest["station_id"], latest["polled_at"], latest["bikes"], latest["docks"]) == ("a", later, 2, 8)
    (newest,) = rows[tables.VEHICLE_LATEST]
    assert (newest["vehicle_id"], newest["polled_at"], newest["station_id"]) == ("v", later, None)
    (state,) = known(rows[tables.FEED_LATEST])
    assert (state["feed"], state["state"], state["is_observing"]) == ("station_status", "OK", True)


def test_vehicles_and_totals_are_kept_with_all_that_was_counted(spark: SparkSession) -> None:
    since = START - timedelta(hours=30)
    vehicles = [vehicle("v", None, START, still_since=since, charge=0.125), vehicle("w", "a", START, charge=0.625)]
    found = results(spark, [*poll(START, {"a": (0, 9), "b": (3, 0)}), feed("vehicle_status", START), *vehicles])
    latest = {row["vehicle_id"]: row["still_since"] for row in found.rows[tables.VEHICLE_LATEST]}
    assert latest == {"v": since, "w": None}
    (row,) = found.rows[tables.NETWORK_HISTORY]
    counted = {
        "stations_unusable": 2,
        "imbalance": 0.75,
        "fleet": 4,
        "vehicles_abandoned": 1,
        "vehicles_low_charge": 1,
        "charge_low_quartile": 0.25,
        "charge_median": 0.375,
        "charge_high_quartile": 0.5,
    }
    assert {name: row[name] for name in counted} == counted
    assert {name: getattr(found.networks[0], name) for name in counted} == counted


def test_rows_have_only_columns_of_their_table(spark: SparkSession) -> None:
    records = [*poll(START, {"a": (1, 9)}), feed("vehicle_status", START), vehicle("v", None, START)]
    for table, rows in results(spark, records).rows.items():
        assert all(set(row) <= set(table.columns) for row in rows), table.name
        assert all(row[name] is not None for row in rows for name in table.key), table.name


@pytest.mark.parametrize(
    ("more", "is_kept"),
    [
        ({"changed": True}, True),
        ({"changed": False}, False),
        ({"changed": False, "seen_before": None}, True),
        ({"changed": False, "seen_before": START - timedelta(seconds=180)}, False),
        ({"changed": False, "seen_before": START - timedelta(seconds=180.001)}, True),
        ({"changed": False, "seen_before": START - timedelta(seconds=180.001), "hold_seconds": 181.0}, False),
    ],
)
def test_history_keeps_changes_and_what_ends_a_gap(spark: SparkSession, more: dict[str, Any], is_kept: bool) -> None:
    rows = results(spark, [station("a", 1, 9, START, **more)]).rows
    kept = [(row["station_id"], row["month"], row["polled_at"]) for row in rows.get(tables.STATION_HISTORY, [])]
    assert kept == ([("a", 202603, START)] if is_kept else [])


def test_offsets_go_on_behind_the_last_record_of_each_topic(spark: SparkSession) -> None:
    found = results(spark, [*poll(START, {"a": (1, 9), "b": (2, 8)}), vehicle("v", None, START)], first=100)
    assert found.offsets == {
        TopicPartition("feed_status", 0): 101,
        TopicPartition("station_status", 0): 103,
        TopicPartition("vehicle_status", 0): 104,
    }
    assert (found.records, found.appended_at) == (4, START)


def test_values_that_do_not_decode_are_counted_named_and_passed(spark: SparkSession) -> None:
    found = results(spark, [*poll(START, {"a": (1, 9)}), ("station_status", b"<html>"), ("station_status", b"no")])
    assert found.refused == [Refused("station_status", 2, "station_status 0:3 is not such a record: no")]
    assert found.offsets[TopicPartition("station_status", 0)] == 4
    assert [row["station_id"] for row in found.rows[tables.STATION_LATEST]] == ["a"]
    assert found.networks[0].stations_reporting == 1


def test_nothing_gives_nothing(spark: SparkSession) -> None:
    assert results(spark, []) == Results({}, [], {}, 0, None, [])


def test_totals_are_published_in_the_order_of_their_polls(spark: SparkSession) -> None:
    records = [*poll(START + MINUTE, {"a": (2, 8)}), *poll(START, {"a": (1, 9)})]
    assert [(network.polled_at, network.bikes) for network in results(spark, records).networks] == [
        (START, 1),
        (START + MINUTE, 2),
    ]


def _kept(batches: Sequence[Results]) -> dict[Table, dict[tuple[Any, ...], Row]]:
    """What a store holds after these writes."""
    kept: dict[Table, dict[tuple[Any, ...], Row]] = {}
    for batch in batches:
        for table, rows in batch.rows.items():
            for row in rows:
                held: Mapping[str, Any] = kept.setdefault(table, {}).get(tuple(row[name] for name in table.key), {})
                newest_by = table.newest_by
                if not newest_by or not held or row[newest_by] >= held[newest_by]:
                    kept[table][tuple(row[name] for name in table.key)] = row
    return kept


@pytest.mark.parametrize("seed", range(3))
def test_the_borders_of_micro_batches_change_nothing(spark: SparkSession, seed: int) -> None:
    chance = random.Random(seed)
    polls: list[list[Record]] = []
    for number in range(12):
        polled_at = START + number * (5 if number > 6 else 1) * MINUTE
        made = poll(polled_at, {name: (chance.randrange(3), 5) for name in "abc"}, changed=chance.random() < 0.5)
        polls.append(made)
        if chance.random() < 0.3:  # the same poll again, as after a second replay
            polls.append(made)
    everything = [record for made in polls for record in made]
    whole = _kept([results(spark, everything)])
    borders = sorted(chance.sample(range(1, len(polls)), 3))
    batches, first = [], 0
    for start, end in zip([0, *borders], [*borders, len(polls)], strict=True):
        part = [record for made in polls[start:end] for record in made]
        batches.append(results(spark, part, first))
        first += len(part)
    assert _kept(batches) == whole
