from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs import (
    DocumentRefused,
    read_discovery,
    read_stations,
    read_statuses,
    read_system,
    read_vehicles,
)
from pipeline.gbfs_model import Document, Feed, Link, Status
from tests.gbfs_documents import NOON, body, links, station, status, statuses, system, vehicle, without

URL = "https://example.org/2.3/en/gbfs.json"
GOOD = Status("good", 3, 7, None, None, True, True, True, NOON)

READERS: dict[Feed, Callable[[bytes], Document[Any]]] = {
    Feed.DISCOVERY: lambda text: read_discovery(text, URL),
    Feed.SYSTEM_INFORMATION: read_system,
    Feed.STATION_INFORMATION: read_stations,
    Feed.STATION_STATUS: read_statuses,
    Feed.VEHICLE_STATUS: read_vehicles,
}

EVERY_READER = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


def read_one(*stations: object, version: str = "2.3") -> Document[Status]:
    return read_statuses(body(statuses(*stations), version=version))


def test_a_good_document_is_read_without_deviations() -> None:
    assert read_one(status("good")) == Document(Feed.STATION_STATUS, NOON, 60.0, (GOOD,))


def test_a_document_without_stations_is_an_answer() -> None:
    assert read_one() == Document(Feed.STATION_STATUS, NOON, 60.0, ())


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

    assert read_one(renamed, version="3.0") == Document(Feed.STATION_STATUS, NOON, 60.0, (GOOD,))


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
    read: Callable[[bytes], Document[Any]], text: bytes, reason: str
) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        read(text)

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


@pytest.mark.parametrize(
    ("change", "last_updated", "ttl", "rules"),
    [
        ({"last_updated": None}, None, 60.0, [Rule.REQUIRED]),
        ({"last_updated": "2026-03-02T12:00:00Z"}, NOON, 60.0, []),
        ({"last_updated": []}, None, 60.0, [Rule.TIME_READABLE]),
        ({"ttl": None}, NOON, None, []),
        ({"ttl": -1}, NOON, None, [Rule.NUMBER_RANGE]),
        ({"ttl": "60"}, NOON, 60.0, [Rule.TYPE]),
        ({"ttl": {}}, NOON, None, [Rule.TYPE]),
        ({"version": 2}, NOON, 60.0, []),
    ],
)
def test_an_odd_envelope_costs_no_station(
    change: dict[str, object], last_updated: datetime | None, ttl: float | None, rules: list[Rule]
) -> None:
    envelope = json.loads(body(statuses(status("good")))) | change

    document = read_statuses(json.dumps(envelope).encode())

    assert (document.last_updated, document.ttl_seconds, document.entities) == (last_updated, ttl, (GOOD,))
    assert [noted.rule for noted in document.deviations] == rules


FEEDS = ("system_information", "station_information", "station_status", "free_bike_status", "geofencing_zones")
LINKS = (
    Link(Feed.SYSTEM_INFORMATION, "https://example.org/en/system_information.json"),
    Link(Feed.STATION_INFORMATION, "https://example.org/en/station_information.json"),
    Link(Feed.STATION_STATUS, "https://example.org/en/station_status.json"),
    Link(Feed.VEHICLE_STATUS, "https://example.org/en/free_bike_status.json"),
)


@pytest.mark.parametrize("nest", [lambda data: data, lambda data: data["en"]], ids=["by language", "3.0"])
def test_discovery_lists_the_feeds_that_are_read(nest: Callable[[dict[str, Any]], object]) -> None:
    document = read_discovery(body(nest(links("https://example.org/en", FEEDS))), URL)

    assert (document.entities, document.deviations) == (LINKS, ())


@pytest.mark.parametrize(
    ("url", "languages", "chosen"),
    [
        ("https://example.org/gbfs.json", (), "de"),
        ("https://example.org/2.3/FR/gbfs.json", (), "fr"),
        ("https://example.org/2.3/fr/gbfs.json", ("it", "en"), "en"),
        ("https://example.org/it/gbfs.json", ("it",), "de"),
    ],
)
def test_discovery_chooses_a_language(url: str, languages: tuple[str, ...], chosen: str) -> None:
    feeds = {
        language: links(f"https://example.org/{language}", ["station_status"])["en"] for language in ("de", "fr", "en")
    }

    document = read_discovery(body(feeds), url, languages)

    assert document.entities == (Link(Feed.STATION_STATUS, f"https://example.org/{chosen}/station_status.json"),)


def test_discovery_resolves_relative_links_and_refuses_others() -> None:
    entries = [
        {"name": "station_status", "url": "station_status.json"},
        {"name": "free_bike_status", "url": "file:///etc/passwd"},
        {"name": "system_information", "url": "https://[::1"},
        {"name": "station_information"},
        {"name": ["station_status"], "url": "x"},
        "station_status",
    ]

    document = read_discovery(body({"feeds": entries}), URL)

    assert document.entities == (Link(Feed.STATION_STATUS, "https://example.org/2.3/en/station_status.json"),)
    assert sorted((noted.entity, noted.rule, noted.action) for noted in document.deviations) == [
        ("station_information", Rule.URL, Action.REFUSED),
        ("system_information", Rule.URL, Action.REFUSED),
        ("vehicle_status", Rule.URL, Action.REFUSED),
    ]


@pytest.mark.parametrize("data", [{"feeds": []}, {"en": {"feeds": []}}, {"en": {}}, {"feeds": "all"}])
def test_discovery_without_a_feed_is_refused(data: object) -> None:
    with pytest.raises(DocumentRefused):
        read_discovery(body(data), URL)


def test_a_system_is_read_from_its_document() -> None:
    document = read_system(body(system()))

    assert [said.system_id for said in document.entities] == ["harbour"]


WHOLE = {
    Feed.DISCOVERY: body(links("https://example.org", FEEDS)),
    Feed.SYSTEM_INFORMATION: body(system()),
    Feed.STATION_INFORMATION: body({"stations": [station("good"), station("st_2")]}),
    Feed.STATION_STATUS: body(statuses(status("good"), status("st_2"))),
    Feed.VEHICLE_STATUS: body({"bikes": [vehicle("good"), vehicle("v_2")]}),
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Feed, bytes]:
    """A good document with some bytes replaced, dropped or put in."""
    feed = draw(st.sampled_from(sorted(WHOLE)))
    text = WHOLE[feed]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = (
            text[:start] + draw(st.binary(max_size=6) | st.sampled_from([b"null", b"1e999", b"[]", b'""'])) + text[end:]
        )
    return feed, text


@UNHURRIED
@given(mutated())
def test_a_mutated_document_is_read_or_refused_but_never_raises(case: tuple[Feed, bytes]) -> None:
    feed, text = case
    document = None
    with suppress(DocumentRefused):
        document = READERS[feed](text)

    assert document is None or document.feed is feed
    assert document is None or all(noted.sentence.endswith(".") for noted in document.deviations)


@UNHURRIED
@given(st.lists(JSON | st.dictionaries(st.sampled_from(sorted(status(""))), JSON, max_size=7), max_size=4))
def test_a_good_station_survives_any_neighbour(neighbours: list[object]) -> None:
    document = read_one(status("good"), *neighbours)

    assert document.entities[0] == GOOD
    # Whatever is not among the entities was named.
    assert len(document.entities) + len(document.deviations) >= 1 + len(neighbours)


@UNHURRIED
@given(JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in READERS.values():
        try:
            document = read(json.dumps({"data": value}).encode())
        except DocumentRefused:
            continue
        # An empty list of stations is an answer, and a system may lack every field.
        assert isinstance(value, dict)
        assert document.deviations


READER_OF_FILE = {
    "gbfs": READERS[Feed.DISCOVERY],
    "gbfs_discovery": READERS[Feed.DISCOVERY],
    "system_information": read_system,
    "station_information": read_stations,
    "station_status": read_statuses,
    "vehicle_status": read_vehicles,
    "free_bike_status": read_vehicles,
    "lime_free_bike_status": read_vehicles,
}


def _reader(path: Path) -> Callable[[bytes], Document[Any]] | None:
    name = path.name.split(".")[0].replace("-", "_").removesuffix("_v1").removesuffix("_fixture")
    return READER_OF_FILE.get(name)


def test_every_recorded_document_is_read(shared_data: Path) -> None:
    samples = shared_data / "gbfs-samples"
    files = [path for path in sorted(samples.rglob("*.json*")) if "schemas" not in path.parts and _reader(path)]

    read = {}
    for path in files:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        reader = _reader(path)
        assert reader is not None
        read[str(path.relative_to(samples))] = len(reader(text).entities)

    assert len(read) >= 40
    assert min(read.values()) >= 1
    assert read["lime-newyork-v2.2/free_bike_status.json.gz"] == 3416
    assert read["real/Paris/station_information.json"] == 1507
    assert read["bcycle-santabarbara-v1.1/station-status-v1.1.json"] == 95


def test_a_real_station_is_read_as_it_is(shared_data: Path) -> None:
    document = read_stations((shared_data / "velozef" / "station_information.json").read_bytes())

    first = document.entities[0]
    assert (first.name, first.lat, first.lon, first.capacity) == ("Liberté", 48.39009, -4.48533, 10)
    assert document.last_updated == datetime(2026, 2, 22, 8, 44, 40, tzinfo=UTC)
    assert {noted.rule for noted in document.deviations} == {Rule.TEXT_TRIMMED}
