from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs import DocumentRefused, read, read_stations, read_statuses, read_system, read_vehicles
from pipeline.gbfs_model import Document, Feed, Status
from tests.gbfs_documents import NOON, body, station, status, statuses, system, vehicle, without

URL = "https://example.org/2.3/en/gbfs.json"
GOOD = Status("good", 3, 7, None, None, True, True, True, NOON)

READERS: dict[Feed, Callable[[bytes], Document[Any]]] = {feed: partial(read, feed, url=URL) for feed in Feed}

EVERY_READER = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


def read_one(*stations: object, version: str = "2.3") -> Document[Status]:
    return read_statuses(body(statuses(*stations), version=version))


def test_a_good_document_is_read_without_deviations() -> None:
    assert read_one(status("good")) == Document(Feed.STATION_STATUS, NOON, 60.0, (GOOD,), version="2.3")


def test_a_document_without_stations_is_an_answer() -> None:
    assert read_one() == Document(Feed.STATION_STATUS, NOON, 60.0, (), version="2.3")


@pytest.mark.parametrize(
    ("malformed", "rule", "place"),
    [
        (None, Rule.OBJECT, "#1"),
        ("st_1", Rule.OBJECT, "#1"),
        ([status("st_1")], Rule.OBJECT, "#1"),
        ({}, Rule.ID_PRESENT, "#1"),
        (status(""), Rule.ID_PRESENT, "#1"),
        (status("   "), Rule.TEXT_TRIMMED, "   "),
        (status({"id": 3}), Rule.TYPE, "#1"),
        (status("good", bikes=9), Rule.ID_UNIQUE, "good"),
    ],
)
def test_a_malformed_station_costs_only_itself(malformed: object, rule: Rule, place: str) -> None:
    document = read_one(status("good"), malformed, status("last"))

    assert [said.station_id for said in document.entities] == ["good", "last"]
    assert document.entities[0] == GOOD
    assert (document.deviations[0].rule, document.deviations[0].entity) == (rule, place)
    assert document.deviations[-1].action is Action.REFUSED


def test_a_repaired_station_is_kept_with_its_deviation() -> None:
    document = read_one(status("st_1", bikes=-2))

    assert document.entities == (Status("st_1", None, 7, None, None, True, True, True, NOON),)
    assert document.deviations == (
        Deviation("station_status", "st_1", "num_bikes_available", "-2", Rule.COUNT_RANGE, Action.UNKNOWN),
    )


@pytest.mark.parametrize(("version", "deviations"), [("1.1", 0), ("2.3", 3)])
def test_flags_are_numbers_in_version_1_only(version: str, deviations: int) -> None:
    document = read_one(status("good", is_installed=1, is_renting=1, is_returning=1), version=version)

    assert document.entities == (GOOD,)
    assert len(document.deviations) == deviations


def test_version_3_is_read_into_the_same_model() -> None:
    renamed = without(status("good"), "num_bikes_available") | {
        "num_vehicles_available": 3,
        "last_reported": "2026-03-02T13:00:00.0000000+01:00",
    }

    document = read_one(renamed, version="3.0")

    assert document.entities == (GOOD,)
    assert [(noted.rule, noted.value) for noted in document.deviations] == [(Rule.TIME_FRACTION, "'13:00:00.0000000'")]


@pytest.mark.parametrize("name", ["vehicles", "bikes"])
def test_vehicles_are_listed_under_either_name(name: str) -> None:
    document = read_vehicles(body({name: [vehicle("v_1"), vehicle("v_2")]}))

    assert [said.vehicle_id for said in document.entities] == ["v_1", "v_2"]


def test_a_declared_station_without_a_place_costs_only_itself() -> None:
    document = read_stations(body({"stations": [station("st_1", lat=0, lon=0), station("st_2")]}))

    assert [said.station_id for said in document.entities] == ["st_2"]
    assert [noted.sentence for noted in document.deviations] == [
        "station_information st_1: lat, lon is (0, 0); a position is a latitude and a longitude, and not 0, 0;"
        " left out."
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b" ", Rule.BODY_PRESENT),
        (b"<!DOCTYPE html>", Rule.BODY_IS_JSON),
        (b"Gone fishing", Rule.BODY_IS_JSON),
        (body(statuses())[:40], Rule.BODY_WHOLE),
        (b"[]", Rule.ENVELOPE),
        (b'{"data": {"bikes": []}}', Rule.ENVELOPE),
    ],
)
def test_a_refusal_names_the_rule(text: bytes, rule: Rule) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        read_statuses(text)

    assert refusal.value.rule is rule


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "The body is empty."),
        (b" \n", "The body is empty."),
        (b"<html><body>Sorry", "The body is HTML or XML, not JSON: it begins with '<html><body>Sorry'."),
        (b"Gone fishing", "it begins with 'Gone fishing'."),
        (b"\xff\xfe\xfa", "The body is not JSON"),
        (b"[" * 100_000, "The document is no"),
        (b'{"data":' + b"[" * 100_000, "The document is no"),
        (b"null", "Expected `object`, got `null`"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `data`"),
        (b'{"data": null}', "The d"),
        (b'{"data": []}', "The d"),
    ],
)
@EVERY_READER
def test_what_is_no_document_is_refused_with_a_sentence(
    reader: Callable[[bytes], Document[Any]], text: bytes, reason: str
) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        reader(text)

    assert reason in str(refusal.value)
    assert str(refusal.value).endswith(".")


def test_a_truncated_body_is_refused_wherever_it_breaks_off() -> None:
    whole = body(statuses(status("good"), status("last")))

    for length in range(1, len(whole)):
        with pytest.raises(DocumentRefused, match=f"breaks off after {length} bytes"):
            read_statuses(whole[:length])


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + body(statuses(status("good"))),
        body(statuses(status("good"))).decode().encode("utf-16"),
        body(statuses(status("good", address="x"))).replace(b'"x"', b"NaN"),
        body(statuses(status("good", address="x"))).replace(b'"x"', b'"a\tb"'),
    ],
)
def test_what_is_nearly_json_is_repaired(text: bytes) -> None:
    document = read_statuses(text)

    assert document.entities == (GOOD,)
    assert [(noted.rule, noted.action) for noted in document.deviations] == [(Rule.STRICT_JSON, Action.REPAIRED)]


def test_letters_of_another_encoding_cost_no_station() -> None:
    document = read_stations(body({"stations": [station("st_1", "Gare #"), station("st_2")]}).replace(b"#", b"\xe9"))

    assert [said.name for said in document.entities] == ["Gare \ufffd", "Harbour"]
    assert [(noted.rule, noted.action) for noted in document.deviations] == [(Rule.STRICT_JSON, Action.REPAIRED)]


def test_a_body_that_breaks_off_within_a_letter_is_truncated() -> None:
    with pytest.raises(DocumentRefused, match="breaks off after 26 bytes"):
        read_statuses('{"data":{"stations":["123é'.encode()[:26])


@pytest.mark.parametrize(
    ("change", "last_updated", "ttl", "rules"),
    [
        ({"last_updated": None}, None, 60.0, [Rule.REQUIRED]),
        ({"last_updated": "2026-03-02T12:00:00Z"}, NOON, 60.0, [Rule.TIME_FORM]),
        ({"last_updated": "2026-03-02T12:00:00Z", "version": "3.0"}, NOON, 60.0, []),
        ({"version": "3.1-RC3"}, NOON, 60.0, [Rule.TIME_FORM]),
        ({"version": "1.1"}, NOON, 60.0, []),
        ({"version": None}, NOON, 60.0, []),
        ({"version": "4.0"}, NOON, 60.0, [Rule.VERSION_KNOWN, Rule.TIME_FORM]),
        ({"last_updated": []}, None, 60.0, [Rule.TIME_READABLE]),
        ({"ttl": None}, NOON, None, [Rule.REQUIRED]),
        ({"ttl": -1}, NOON, None, [Rule.NUMBER_RANGE]),
        ({"ttl": "60"}, NOON, 60.0, [Rule.TYPE]),
        ({"ttl": {}}, NOON, None, [Rule.TYPE]),
        ({"version": 2}, NOON, 60.0, [Rule.VERSION_KNOWN]),
    ],
)
def test_an_odd_envelope_costs_no_station(
    change: dict[str, object], last_updated: datetime | None, ttl: float | None, rules: list[Rule]
) -> None:
    envelope = json.loads(body(statuses(status("good")))) | change

    document = read_statuses(json.dumps(envelope).encode())

    assert (document.last_updated, document.ttl_seconds, document.entities) == (last_updated, ttl, (GOOD,))
    assert [noted.rule for noted in document.deviations] == rules


def test_a_system_is_read_from_its_document() -> None:
    document = read_system(body(system()))

    assert [said.system_id for said in document.entities] == ["harbour"]


def test_a_real_station_is_read_as_it_is(shared_data: Path) -> None:
    document = read_stations((shared_data / "velozef" / "station_information.json").read_bytes())

    first = document.entities[0]
    assert (first.name, first.lat, first.lon, first.capacity) == ("Liberté", 48.39009, -4.48533, 10)
    assert document.last_updated == datetime(2026, 2, 22, 8, 44, 40, tzinfo=UTC)
    assert {noted.rule for noted in document.deviations} == {Rule.TEXT_TRIMMED}
