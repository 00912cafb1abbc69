"""Values of the log come back as the records they were made from, and what is no record is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.decode import ENTITY, FIELDS, all_fields, columns, decoded, fields, records
from pipeline.model import (
    RECORDS,
    TOPIC_OF,
    NetworkStatus,
    Record,
    StationInformation,
    StationStatus,
    SystemInformation,
    Topic,
    decode,
    encode,
)
from pipeline.results import TOPICS
from tests.made_polls import START, SYSTEM, feed, station, vehicle

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOG_SCHEMA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
)

NETWORK = NetworkStatus(
    system_id=SYSTEM,
    polled_at=START,
    hold_seconds=180.5,
    **dict.fromkeys([f.name for f in FIELDS[Topic.NETWORK_STATUS] if f.type == "bigint" and not f.is_nullable], 7),
)

EXAMPLES: list[Record] = [
    SystemInformation(system_id=SYSTEM, polled_at=START, name="Vélo 'Brest'", time_zone="Europe/Paris"),
    StationInformation(
        system_id=SYSTEM, polled_at=START, station_id="a", name="Gare\n", lat=48.39, lon=-4.48, capacity=10
    ),
    station("ß/1", 3, None, START + timedelta(milliseconds=123), last_reported=START, seen_before=None),
    vehicle("v", None, START, range_meters=12.5, charge=0.25, is_reserved=True),
    feed("station_status", START, reason='It says "no".', deviations_by_rule='{"x": {"count": 1}}', bytes=2**40),
    NETWORK,
]


NEW = {
    "still_since",
    "has_vehicle_feed",
    "stations_unusable",
    "imbalance",
    "fleet",
    "vehicles_abandoned",
    "vehicles_low_charge",
    "charge_low_quartile",
    "charge_median",
    "charge_high_quartile",
}
"""What the first logs do not tell."""


def frame(spark: SparkSession, values: Sequence[tuple[str, bytes | None]]) -> DataFrame:
    rows = [
        (b"key", None if value is None else bytearray(value), topic, 0, offset, START, 1)
        for offset, (topic, value) in enumerate(values)
    ]
    return spark.createDataFrame(rows, LOG_SCHEMA)


def problems(spark: SparkSession, topic: str, *values: bytes | None) -> list[str | None]:
    found = decoded(frame(spark, [(topic, value) for value in values]), TOPICS).orderBy("offset")
    return [row.problem for row in found.select("problem").collect()]


def test_columns_follow_the_records() -> None:
    assert columns(Topic.SYSTEM_INFORMATION) == {
        "system_id": "string",
        "polled_at": "timestamp",
        "name": "string",
        "time_zone": "string",
        "operator": "string",
        "language": "string",
        "feed_url": "string",
        "partition": "int",
        "offset": "bigint",
    }
    assert {topic: set(columns(topic)) - {"partition", "offset"} for topic in Topic} == {
        topic: set(record.__struct_fields__) for topic, record in RECORDS.items()
    }


def test_every_topic_names_the_field_of_its_entities() -> None:
    assert all(ENTITY[topic] in columns(topic) for topic in Topic)


def test_a_field_has_one_type_in_all_topics() -> None:
    assert all_fields(tuple(Topic))["hold_seconds"] == "double"


def test_a_field_of_two_types_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(msgspec.Struct):
        system_id: int

    other = msgspec.defstruct("Other", [("system_id", int)], bases=(msgspec.Struct,))
    monkeypatch.setitem(FIELDS, Topic.FEED_STATUS, fields(other))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="system_id is string in one topic and bigint in feed_status"):
        all_fields((Topic.STATION_STATUS, Topic.FEED_STATUS))


@pytest.mark.spark
@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(spark: SparkSession, record: Record) -> None:
    topic = TOPIC_OF[type(record)]
    (row,) = records(frame(spark, [(topic, encode(record))]), topic).toArrow().to_pylist()
    assert (row.pop("partition"), row.pop("offset")) == (0, 0)
    assert msgspec.convert(row, type(record)) == record


@pytest.mark.spark
def test_records_are_those_of_their_topic_only(spark: SparkSession) -> None:
    values = [(str(TOPIC_OF[type(record)]), encode(record)) for record in EXAMPLES]
    found = records(frame(spark, values), Topic.VEHICLE_STATUS).select("vehicle_id", "offset").collect()
    assert [tuple(row) for row in found] == [("v", 3)]


@pytest.mark.spark
def test_what_is_no_record_is_named_and_left_out(spark: SparkSession) -> None:
    good = encode(station("a", 1, 2, START))
    bad = [b"<html>", b"", b"[1]", b'{"system_id": "x"', good.replace(b'"bikes":1', b'"bikes":"many"'), None]
    assert problems(spark, "station_status", good, *bad) == [
        None,
        "station_status 0:1 is not such a record: <html>",
        "station_status 0:2 is not such a record: ",
        "station_status 0:3 is not such a record: [1]",
        'station_status 0:4 is not such a record: {"system_id": "x"',
        f"station_status 0:5 is not such a record: {bad[4].decode()[:200]}",  # type: ignore[union-attr]
        "station_status 0:6 is not such a record: no value",
    ]
    values = [("station_status", value) for value in [good, *bad]]
    assert records(frame(spark, values), Topic.STATION_STATUS).count() == 1


@pytest.mark.spark
def test_a_record_that_lacks_what_it_must_have_is_named(spark: SparkSession) -> None:
    lacking = encode(station("a", 1, 2, START)).replace(b'"changed":true,', b"")
    (problem,) = problems(spark, "station_status", lacking)
    assert problem == (
        "station_status 0:0 lacks one of system_id, polled_at, station_id, is_installed, is_renting, is_returning,"
        f" changed, hold_seconds, stations_in_poll: {lacking.decode()[:200]}"
    )


@pytest.mark.spark
def test_a_value_outside_its_enumeration_is_named(spark: SparkSession) -> None:
    unknown = encode(feed("station_status", START)).replace(b'"OK"', b'"FINE"')
    (problem,) = problems(spark, "feed_status", unknown)
    assert problem == f"feed_status 0:0 has an unknown state: {unknown.decode()[:200]}"


def test_the_fields_of_a_record_say_what_may_be_missing() -> None:
    may_be_null = {field.name for field in fields(StationStatus) if field.is_nullable}
    assert may_be_null == {"bikes", "docks", "bikes_disabled", "docks_disabled", "last_reported", "seen_before"}


def old(record: Record) -> bytes:
    """The record as it was written before it told more."""
    return msgspec.json.encode({key: value for key, value in msgspec.to_builtins(record).items() if key not in NEW})


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_records_of_the_first_logs_are_still_read(record: Record) -> None:
    assert decode(TOPIC_OF[type(record)], old(record)) == record


@pytest.mark.spark
def test_spark_still_reads_the_records_of_the_first_logs(spark: SparkSession) -> None:
    values = [
        (str(TOPIC_OF[type(record)]), old(record)) for record in EXAMPLES if not isinstance(record, NetworkStatus)
    ]
    rows = decoded(frame(spark, values), TOPICS).select("problem", "record.still_since").collect()
    assert [(row.problem, row.still_since) for row in rows] == [(None, None)] * len(values)
