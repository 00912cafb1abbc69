"""From the log's bytes to typed rows: schemas made from the records of `pipeline.model`, and nothing believed.

A value that does not decode is never fatal and never lost from sight: it is left out, and `problem` says in one
sentence which value it is and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from msgspec import inspect

from pipeline.model import RECORDS, Record, Topic

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SHOWN_CHARACTERS = 200
"""How much of a value that does not decode its problem shows."""

ENTITY = {
    Topic.SYSTEM_INFORMATION: "system_id",
    Topic.STATION_INFORMATION: "station_id",
    Topic.STATION_STATUS: "station_id",
    Topic.VEHICLE_STATUS: "vehicle_id",
    Topic.FEED_STATUS: "feed",
    Topic.NETWORK_STATUS: "system_id",
}
"""The field that, within a system, says whom a topic's record is about."""

_MALFORMED = "_malformed"

_SPARK_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.EnumType: "string",
    inspect.IntType: "bigint",
    inspect.FloatType: "double",
    inspect.BoolType: "boolean",
    inspect.DateTimeType: "timestamp",
}


class Field(NamedTuple):
    """A field of a record: its Spark type, whether it may be null, and the only values it may have (if so)."""

    name: str
    type: str
    is_nullable: bool
    values: tuple[str, ...] = ()


def fields(record: type[Record]) -> tuple[Field, ...]:
    """The fields of a kind of record, in its order."""
    described = inspect.type_info(record)
    if not isinstance(described, inspect.StructType):
        msg = f"{record.__name__} is no struct"
        raise TypeError(msg)
    return tuple(_field(field) for field in described.fields)


def _field(field: inspect.Field) -> Field:
    options = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
    kinds = [option for option in options if not isinstance(option, inspect.NoneType)]
    values = tuple(kinds[0].cls) if isinstance(kinds[0], inspect.EnumType) else ()
    return Field(field.name, _SPARK_TYPES[type(kinds[0])], len(kinds) < len(options), tuple(map(str, values)))


FIELDS: dict[Topic, tuple[Field, ...]] = {topic: fields(record) for topic, record in RECORDS.items()}


def columns(topic: Topic) -> dict[str, str]:
    """The columns of a topic's typed records, with their Spark types: the record's, partition and offset."""
    return {field.name: field.type for field in FIELDS[topic]} | {"partition": "int", "offset": "bigint"}


def all_fields(topics: tuple[Topic, ...]) -> dict[str, str]:
    """Every field that a record of these topics may have, with its Spark type; a name has one type everywhere."""
    found: dict[str, str] = {}
    for topic in topics:
        for field in FIELDS[topic]:
            if found.setdefault(field.name, field.type) != field.type:
                msg = f"{field.name} is {found[field.name]} in one topic and {field.type} in {topic}"
                raise TypeError(msg)
    return found


def decoded(frame: DataFrame, topics: tuple[Topic, ...]) -> DataFrame:
    """The log's rows with their values parsed once, whatever their topic.

    topic string, partition int, offset bigint, appended_at timestamp, system_id string, entity string, polled_at
    timestamp, problem string (null: the value is good; else only it, topic, partition, offset and appended_at are to be
    used), record struct of all fields of the topics, null where the topic has no such field.
    """
    return (
        frame.selectExpr("topic", "partition", "offset", "timestamp AS appended_at", "CAST(value AS STRING) AS text")
        .selectExpr("*", f"{_from_json(all_fields(topics))} AS record")
        .selectExpr(
            "topic",
            "partition",
            "offset",
            "appended_at",
            "record.system_id AS system_id",
            f"{_entity(topics)} AS entity",
            "record.polled_at AS polled_at",
            f"{_problem(topics)} AS problem",
            "record",
        )
    )


def records(frame: DataFrame, topic: Topic) -> DataFrame:
    """The good records of one topic: the columns of `columns`."""
    good = decoded(frame.where(f"topic = '{topic}'"), (topic,)).where("problem IS NULL")
    return good.selectExpr(*(f"record.{field.name}" for field in FIELDS[topic]), "partition", "offset")


def _from_json(names: dict[str, str]) -> str:
    schema = ", ".join(f"{name} {kind}" for name, kind in names.items())
    return (
        f"from_json(text, '{schema}, {_MALFORMED} string',"
        f" map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '{_MALFORMED}'))"
    )


def _entity(topics: tuple[Topic, ...]) -> str:
    whens = " ".join(f"WHEN '{topic}' THEN record.{ENTITY[topic]}" for topic in topics)
    return f"CASE topic {whens} END"


def _problem(topics: tuple[Topic, ...]) -> str:
    faults = " ".join(when for topic in topics for when in _faults(topic))
    fault = f"CASE WHEN record.{_MALFORMED} IS NOT NULL OR record IS NULL THEN 'is not such a record' {faults} END"
    # NULL when there is no fault, since a concat with NULL is NULL.
    return (
        "concat(topic, ' ', partition, ':', offset, ' ',"
        f" {fault}, ': ', coalesce(substr(text, 1, {SHOWN_CHARACTERS}), 'no value'))"
    )


def _faults(topic: Topic) -> Iterator[str]:
    # Few and simple conditions: a generated method of more than 8,000 bytes is never compiled by the JVM.
    required = [field.name for field in FIELDS[topic] if not field.is_nullable]
    is_missing = " OR ".join(f"record.{name} IS NULL" for name in required)
    yield f"WHEN topic = '{topic}' AND ({is_missing}) THEN 'lacks one of {', '.join(required)}'"
    for field in FIELDS[topic]:
        if field.values:
            known = ", ".join(f"'{value}'" for value in field.values)
            yield f"WHEN topic = '{topic}' AND record.{field.name} NOT IN ({known}) THEN 'has an unknown {field.name}'"
