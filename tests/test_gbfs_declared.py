"""What systems declare: read, repaired or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.deviations import Action, Rule
from pipeline.gbfs_declared import (
    lenient_alert,
    lenient_region,
    lenient_station,
    lenient_system,
    lenient_vehicle_type,
)
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import Alert, Region, Station, System, VehicleType
from tests.gbfs_documents import NOON, Json, station, system

SQUARE = [[[[-4.5, 48.3], [-4.4, 48.3], [-4.4, 48.4], [-4.5, 48.3]]]]


def fields(values: Json) -> Fields:
    return Fields("feed", "id", values, [])


def test_a_station_is_read_as_declared() -> None:
    read = fields(station("st_1", address="Quai 1", is_virtual_station=True))

    expected = Station("st_1", "Harbour", 48.38, -4.49, 10, "Quai 1", True)
    assert (lenient_station(read, ()), read.deviations) == (expected, [])


def test_a_declared_station_without_an_id_is_none() -> None:
    assert lenient_station(fields(station("")), ()) is None


@pytest.mark.parametrize(
    ("values", "expected", "rule", "action"),
    [
        (station("st_1", capacity=-1), Station("st_1", "Harbour", 48.38, -4.49), Rule.COUNT_RANGE, Action.UNKNOWN),
        (station("st_1", None), Station("st_1", "st_1", 48.38, -4.49, 10), Rule.REQUIRED, Action.ASSUMED),
        (station("st_1", capacity=0), Station("st_1", "Harbour", 48.38, -4.49, 0), Rule.CAPACITY, Action.KEPT),
        (station("st_1", capacity=None), Station("st_1", "Harbour", 48.38, -4.49), Rule.CAPACITY, Action.UNKNOWN),
        (
            station("st_1", station_area={"type": "Polygon", "coordinates": []}),
            Station("st_1", "Harbour", 48.38, -4.49, 10),
            Rule.AREA,
            Action.UNKNOWN,
        ),
        (station("st_1", lat=0, lon=0), None, Rule.POSITION, Action.REFUSED),
        (station("st_1", lat=None), None, Rule.POSITION, Action.REFUSED),
    ],
)
def test_a_declared_station_is_repaired_or_refused(
    values: Json, expected: Station | None, rule: Rule, action: Action
) -> None:
    read = fields(values)

    assert lenient_station(read, ()) == expected
    assert [(noted.rule, noted.action) for noted in read.deviations] == [(rule, action)]


@pytest.mark.parametrize(
    "values",
    [
        system(operator="Harbour Ltd"),
        {
            "system_id": "harbour",
            "languages": ["fr", "en"],
            "name": [{"text": "Harbour Bikes", "language": "fr"}],
            "operator": [{"text": "Harbour Ltd", "language": "fr"}],
            "timezone": "Europe/Paris",
        },
    ],
)
def test_a_system_reads_alike_in_every_version(values: Json) -> None:
    read = fields(values)

    expected = System("harbour", "Harbour Bikes", "Europe/Paris", "Harbour Ltd", "fr")
    assert (lenient_system(read, ()), read.deviations) == (expected, [])


@pytest.mark.parametrize("zone", [None, "", "Paris", "Europe", "../../etc/passwd", 3, "Europe/Paris\0"])
def test_a_system_without_a_time_zone_is_in_utc(zone: object) -> None:
    read = fields(system(timezone=zone))

    assert lenient_system(read, ()).time_zone == "UTC"
    assert read.deviations[-1].rule is Rule.TIME_ZONE


def test_a_system_may_lack_its_id_and_name() -> None:
    read = fields({"timezone": "Europe/Paris"})

    assert lenient_system(read, ()) == System(None, None, "Europe/Paris")
    assert [(noted.field, noted.rule) for noted in read.deviations] == [
        ("system_id", Rule.ID_PRESENT),
        ("name", Rule.REQUIRED),
    ]


def test_a_virtual_station_needs_no_capacity_and_has_an_area() -> None:
    area = {"type": "MultiPolygon", "coordinates": SQUARE}
    read = fields(station("st_1", capacity=None, is_virtual_station=True, station_area=area, region_id="north"))

    found = lenient_station(read, ())

    assert found is not None
    assert (found.capacity, found.is_virtual, found.region_id) == (None, True, "north")
    assert json.loads(found.area or "") == area
    assert read.deviations == []


def test_names_are_read_in_the_language_that_is_wanted() -> None:
    names = [{"text": "Port", "language": "fr"}, {"text": "Harbour", "language": "en"}]

    found = [lenient_station(fields(station("st_1", names)), wanted) for wanted in ((), ("en",), ("de", "EN"))]

    assert [one.name for one in found if one] == ["Port", "Harbour", "Harbour"]


@pytest.mark.parametrize("name", ["E-bike", [{"text": "E-bike", "language": "en"}]])
def test_a_vehicle_type_reads_alike_in_every_version(name: object) -> None:
    kind = {"form_factor": "bicycle", "propulsion_type": "electric_assist", "max_range_meters": 60000}
    read = fields({"vehicle_type_id": "e", "name": name, **kind})

    expected = VehicleType("e", "bicycle", "electric_assist", 60000.0, "E-bike")
    assert (lenient_vehicle_type(read, ()), read.deviations) == (expected, [])


def test_a_vehicle_type_may_lack_all_but_its_id() -> None:
    read = fields({"vehicle_type_id": 1})

    assert lenient_vehicle_type(read, ()) == VehicleType("1", None, None, None, None)
    assert [noted.rule for noted in read.deviations] == [Rule.ID_IS_TEXT, Rule.REQUIRED, Rule.REQUIRED]


def test_a_region_has_a_name() -> None:
    assert lenient_region(fields({"region_id": "north", "name": "North"}), ()) == Region("north", "North")


@pytest.mark.parametrize(
    "values",
    [
        {
            "summary": "Closed",
            "url": "https://example.org",
            "times": [{"start": int(NOON.timestamp())}],
        },
        {
            "summary": [{"text": "Closed", "language": "en"}],
            "url": [{"text": "https://example.org", "language": "en"}],
            "times": [{"start": NOON.isoformat()}],
        },
    ],
)
def test_an_alert_reads_alike_in_every_version(values: Json) -> None:
    read = fields({"alert_id": "1", "type": "station_closure", "station_ids": ["st_1", 2], **values})

    expected = Alert("1", "station_closure", "Closed", None, "https://example.org", ("st_1", "2"), (), NOON, None, None)
    assert lenient_alert(read, ()) == expected
    assert [noted.rule for noted in read.deviations] == [Rule.ID_IS_TEXT]


def test_declarations_without_an_id_are_none() -> None:
    assert [lenient(fields({}), ()) for lenient in (lenient_vehicle_type, lenient_region, lenient_alert)] == [None] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    *("station_id", "name", "lat", "lon", "capacity", "station_area", "is_virtual_station", "region_id"),
    *("vehicle_type_id", "form_factor", "alert_id", "times", "station_ids", "summary", "system_id", "timezone"),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.recursive(st.integers() | st.floats(), lambda inner: st.lists(inner, max_size=4), max_leaves=20),
)
def test_any_values_are_read_and_no_record_lacks_its_key(values: Json, coordinates: object) -> None:
    values = {**values, "station_area": {"type": "MultiPolygon", "coordinates": coordinates}}
    found_station = lenient_station(fields({"lat": 48.0, "lon": -4.0, **values}), ())
    found_type = lenient_vehicle_type(fields(values), ())
    found_region = lenient_region(fields(values), ())
    found_alert = lenient_alert(fields(values), ("fr",))
    lenient_system(fields(values), ("fr",))

    assert found_station is None or found_station.station_id
    assert found_type is None or found_type.vehicle_type_id
    assert found_region is None or found_region.region_id
    assert found_alert is None or (found_alert.alert_id and found_alert.summary)
