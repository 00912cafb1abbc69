from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.deviations import Action, Rule
from pipeline.gbfs_entities import lenient_status, lenient_vehicle, strict_status, strict_vehicle
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import Status, Vehicle
from tests.gbfs_documents import NOON, Json, status, vehicle, without


def raw(values: Json) -> msgspec.Raw:
    return msgspec.Raw(orjson.dumps(values))


def fields(values: Json) -> Fields:
    return Fields("feed", "id", values, [])


STATUS_3 = {
    "station_id": "st_1",
    "num_vehicles_available": 3,
    "num_vehicles_disabled": 1,
    "num_docks_available": 7,
    "num_docks_disabled": 2,
    "is_installed": True,
    "is_renting": False,
    "is_returning": True,
    "last_reported": "2026-03-02T13:00:00+01:00",
}

GOOD_STATUSES = [
    (status("st_1"), Status("st_1", 3, 7, None, None, True, True, True, NOON)),
    (
        status("st_1", num_bikes_disabled=1, num_docks_disabled=2),
        Status("st_1", 3, 7, 1, 2, True, True, True, NOON),
    ),
    (status("st_1", docks=None), Status("st_1", 3, None, None, None, True, True, True, NOON)),
    (STATUS_3, Status("st_1", 3, 7, 1, 2, True, False, True, NOON)),
]


@pytest.mark.parametrize(("values", "expected"), GOOD_STATUSES)
def test_both_paths_read_a_good_status_alike(values: Json, expected: Status) -> None:
    read = fields(values)

    assert strict_status(raw(values)) == expected
    assert (lenient_status(read), read.deviations) == (expected, [])


@pytest.mark.parametrize(
    "change",
    [
        {"station_id": 17},
        {"station_id": ""},
        {"station_id": " st_1"},
        {"num_bikes_available": -1},
        {"num_bikes_available": 999},
        {"num_bikes_available": None},
        {"num_bikes_available": "3"},
        {"is_renting": 1},
        {"is_renting": None},
        {"last_reported": 0},
        {"last_reported": NOON.timestamp() * 1000},
        {"last_reported": "1969-01-01T00:00:00Z"},
        {"last_reported": "2026-03-02T12:00:00"},
        {"last_reported": None},
    ],
)
def test_the_strict_path_takes_no_status_that_needs_a_repair(change: Json) -> None:
    values = status("st_1", **without(change, "station_id")) | change
    read = fields(values)
    lenient_status(read)

    assert strict_status(raw(values)) is None
    assert read.deviations or not values["station_id"]


VEHICLE_3 = {
    "vehicle_id": "v",
    "station_id": "st_1",
    "is_reserved": True,
    "is_disabled": False,
    "vehicle_type_id": "ebike",
    "current_range_meters": 1200.5,
    "current_fuel_percent": 0.25,
    "last_reported": "2026-03-02T12:00:00Z",
}

GOOD_VEHICLES = [
    (vehicle("v"), Vehicle("v", 48.39, -4.48, None, False, False, None, None, None, None)),
    (vehicle("v", station_id=""), Vehicle("v", 48.39, -4.48, None, False, False, None, None, None, None)),
    (VEHICLE_3, Vehicle("v", None, None, "st_1", True, False, "ebike", 1200.5, 0.25, NOON)),
]


@pytest.mark.parametrize(("values", "expected"), GOOD_VEHICLES)
def test_both_paths_read_a_good_vehicle_alike(values: Json, expected: Vehicle) -> None:
    read = fields(values)

    assert strict_vehicle(raw(values)) == expected
    assert (lenient_vehicle(read), read.deviations) == (expected, [])


@pytest.mark.parametrize(
    ("change", "expected", "rule", "action"),
    [
        ({"lat": 0, "lon": 0}, {"lat": None, "lon": None}, Rule.POSITION, Action.UNKNOWN),
        ({"lat": None}, {"lat": None, "lon": None}, Rule.POSITION, Action.UNKNOWN),
        ({"lat": None, "lon": None}, {"lat": None, "lon": None}, Rule.POSITION, Action.UNKNOWN),
        ({"current_fuel_percent": 50.0}, {"charge": 0.5}, Rule.NUMBER_RANGE, Action.REPAIRED),
        ({"current_fuel_percent": 150}, {"charge": None}, Rule.NUMBER_RANGE, Action.UNKNOWN),
        ({"current_range_meters": -5}, {"range_meters": None}, Rule.NUMBER_RANGE, Action.UNKNOWN),
        ({"is_reserved": None}, {"is_reserved": False}, Rule.REQUIRED, Action.ASSUMED),
        ({"station_id": 12}, {"station_id": "12"}, Rule.ID_IS_TEXT, Action.REPAIRED),
        ({"last_reported": 0}, {"last_reported": None}, Rule.TIME_SENTINEL, Action.UNKNOWN),
        ({"last_reported": "1969-01-01T00:00:00Z"}, {"last_reported": None}, Rule.TIME_SENTINEL, Action.UNKNOWN),
        ({"bike_id": "v "}, {"vehicle_id": "v"}, Rule.TEXT_TRIMMED, Action.REPAIRED),
    ],
)
def test_a_vehicle_is_repaired(change: Json, expected: Json, rule: Rule, action: Action) -> None:
    values = vehicle("v") | change
    read = fields(values)

    repaired = lenient_vehicle(read)

    assert repaired == msgspec.structs.replace(GOOD_VEHICLES[0][1], **expected)
    assert [(noted.rule, noted.action) for noted in read.deviations] == [(rule, action)]
    assert strict_vehicle(raw(values)) is None


@pytest.mark.parametrize("values", [{}, {"vehicle_id": ""}, {"bike_id": None}])
def test_a_vehicle_without_an_id_is_none(values: Json) -> None:
    assert (strict_vehicle(raw(values)), lenient_vehicle(fields(values))) == (None, None)


@pytest.mark.parametrize(
    ("change", "by_type", "is_whole"),
    [
        ({"vehicle_types_available": [{"vehicle_type_id": "e", "count": 3}]}, (("e", 3),), True),
        (
            {"vehicle_types_available": [{"vehicle_type_id": "e", "count": 1}, {"vehicle_type_id": "m", "count": 2}]},
            (("e", 1), ("m", 2)),
            True,
        ),
        ({"vehicle_types_available": [{"vehicle_type_id": "e", "count": 0}]}, (("e", 0),), False),
        ({"vehicle_types_available": [{"vehicle_type_id": "e", "count": 3}, "m"]}, (("e", 3),), False),
        ({"vehicle_docks_available": [{"vehicle_type_ids": ["e"], "count": 7}]}, None, True),
        ({"vehicle_docks_available": [{"vehicle_type_ids": ["e"], "count": 6}]}, None, False),
    ],
)
def test_a_breakdown_adds_up_or_is_noted(
    change: Json, by_type: tuple[tuple[str, int], ...] | None, is_whole: bool
) -> None:
    values = status("st_1") | change
    read = fields(values)
    expected = msgspec.structs.replace(GOOD_STATUSES[0][1], bikes_by_type=by_type)

    assert lenient_status(read) == expected
    assert strict_status(raw(values)) == (expected if is_whole else None)
    assert [(noted.rule, noted.action) for noted in read.deviations] == (
        [] if is_whole else [(Rule.BREAKDOWN, Action.KEPT)]
    )


# The first draw loads hypothesis' tables, which is slow on a busy machine.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


TYPED = status("st_1") | {
    "vehicle_types_available": [{"vehicle_type_id": "e", "count": 3}],
    "vehicle_docks_available": [{"vehicle_type_ids": ["e"], "count": 7}],
}


def mutated(good: Json) -> st.SearchStrategy[Json]:
    return st.dictionaries(st.sampled_from(sorted(good)), JSON).map(lambda change: good | change)


def is_time(value: datetime | None) -> bool:
    return value is None or (value.utcoffset() is not None and value.microsecond % 1000 == 0)


@UNHURRIED
@given(st.one_of(mutated(TYPED), mutated(STATUS_3)))
def test_the_strict_path_never_says_anything_else_than_the_lenient_one(values: Json) -> None:
    read = fields(values)
    lenient, strict = lenient_status(read), strict_status(msgspec.Raw(msgspec.json.encode(values)))

    assert strict is None or (strict == lenient and read.deviations == [])
    assert lenient is None or is_time(lenient.last_reported)


@UNHURRIED
@given(st.one_of(mutated(vehicle("v")), mutated(VEHICLE_3)))
def test_the_strict_vehicle_never_says_anything_else_than_the_lenient_one(values: Json) -> None:
    read = fields(values)
    lenient, strict = lenient_vehicle(read), strict_vehicle(msgspec.Raw(msgspec.json.encode(values)))

    assert strict is None or (strict == lenient and read.deviations == [])


@pytest.mark.parametrize("strict", [strict_status, strict_vehicle])
@pytest.mark.parametrize("text", [b"3", b"[]", b'{"station_id": "\\ud800"}', b'{"a":' + b"[" * 100_000])
def test_the_strict_path_leaves_what_is_no_entity(strict: Callable[[msgspec.Raw], object], text: bytes) -> None:
    assert strict(msgspec.Raw(text)) is None
