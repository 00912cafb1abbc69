"""Whatever a server sends: never an exception, never a record without its key, good stations survive."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.gbfs import DocumentRefused, read, read_stations, read_statuses, read_vehicles
from pipeline.gbfs_model import Document, Feed, Status
from tests.gbfs_documents import NOON, body, links, station, status, statuses, system, vehicle

URL = "https://example.org/2.3/en/gbfs.json"
FEEDS = ("system_information", "station_information", "station_status", "free_bike_status")
GOOD = Status("good", 3, 7, None, None, True, True, True, NOON)
READERS: dict[Feed, Callable[[bytes], Document[Any]]] = {feed: partial(read, feed, url=URL) for feed in Feed}

WHOLE = {
    Feed.DISCOVERY: body(links("https://example.org", FEEDS)),
    Feed.SYSTEM_INFORMATION: body(system()),
    Feed.STATION_INFORMATION: body({"stations": [station("good"), station("st_2")]}),
    Feed.STATION_STATUS: body(statuses(status("good"), status("st_2"))),
    Feed.VEHICLE_STATUS: body({"bikes": [vehicle("good"), vehicle("v_2")]}),
    Feed.VEHICLE_TYPES: body({"vehicle_types": [{"vehicle_type_id": "e", "form_factor": "bicycle"}]}),
    Feed.SYSTEM_REGIONS: body({"regions": [{"region_id": "north", "name": "North"}]}),
    Feed.SYSTEM_ALERTS: body({"alerts": [{"alert_id": "1", "type": "other", "summary": "Closed"}]}),
    Feed.MANIFEST: body({"datasets": [{"system_id": "harbour", "versions": [{"version": "2.3", "url": URL}]}]}),
    Feed.VERSIONS: body({"versions": [{"version": "2.3", "url": URL}]}),
    Feed.GEOFENCING_ZONES: body({"geofencing_zones": {}}, version="3.0"),
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
    document = read_statuses(body(statuses(status("good"), *neighbours)))

    assert document.entities[0] == GOOD
    # Whatever is not among the entities was named.
    assert len(document.entities) + len(document.deviations) >= 1 + len(neighbours)


@UNHURRIED
@given(JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    for reader in READERS.values():
        try:
            document = reader(json.dumps({"data": value}).encode())
        except DocumentRefused:
            continue
        # An empty list of stations is an answer, and a system may lack every field.
        assert isinstance(value, dict)
        assert document.deviations


@UNHURRIED
@given(st.binary(max_size=200) | st.text(st.characters()).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    for reader in READERS.values():
        with suppress(DocumentRefused):
            reader(text)


@UNHURRIED
@given(st.lists(st.dictionaries(st.sampled_from([*sorted(vehicle("")), "vehicle_id", "station_id"]), JSON), max_size=4))
def test_no_record_lacks_its_key(entities: list[object]) -> None:
    for read_one_feed, name, key in (
        (read_statuses, "stations", "station_id"),
        (read_stations, "stations", "station_id"),
        (read_vehicles, "bikes", "vehicle_id"),
    ):
        document = read_one_feed(body({name: entities}))
        ids = [getattr(said, key) for said in document.entities]

        assert all(isinstance(one, str) and one == one.strip() != "" for one in ids)
        assert len(ids) == len(set(ids))
