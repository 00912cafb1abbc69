from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs_fields import Fields, rfc3339

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POSIX = int(NOON.timestamp())


def fields(**values: object) -> Fields:
    return Fields("station_status", "st_1", values, [])


def noted(read: Fields) -> list[tuple[Rule, Action]]:
    return [(deviation.rule, deviation.action) for deviation in read.deviations]


@pytest.mark.parametrize(
    ("value", "count", "deviations"),
    [
        (3, 3, []),
        (3.0, 3, []),
        (0, 0, []),
        (None, None, []),
        ("3", 3, [(Rule.TYPE, Action.REPAIRED)]),
        (-1, None, [(Rule.COUNT_RANGE, Action.UNKNOWN)]),
        (999, None, [(Rule.COUNT_SENTINEL, Action.UNKNOWN)]),
        (2147483647, None, [(Rule.COUNT_SENTINEL, Action.UNKNOWN)]),
        (10**400, None, [(Rule.TYPE, Action.UNKNOWN)]),
        (2.5, None, [(Rule.TYPE, Action.UNKNOWN)]),
        ("many", None, [(Rule.TYPE, Action.UNKNOWN)]),
        (True, None, [(Rule.TYPE, Action.UNKNOWN)]),
        ([3], None, [(Rule.TYPE, Action.UNKNOWN)]),
    ],
)
def test_a_count_is_taken_repaired_or_unknown_and_never_zero(
    value: object, count: int | None, deviations: list[tuple[Rule, Action]]
) -> None:
    read = fields(docks=value)

    assert (read.count("docks"), noted(read)) == (count, deviations)


def test_a_missing_required_count_is_unknown_and_noted() -> None:
    read = fields()

    assert read.count("num_vehicles_available", "num_bikes_available", is_required=True) is None
    assert read.deviations == [
        Deviation("station_status", "st_1", "num_vehicles_available", "None", Rule.REQUIRED, Action.UNKNOWN)
    ]


def test_the_first_name_that_has_a_value_counts() -> None:
    assert fields(num_bikes_available=4).count("num_vehicles_available", "num_bikes_available") == 4


@pytest.mark.parametrize(
    ("value", "flag", "deviations"),
    [
        (True, True, []),
        (False, False, []),
        (0, False, [(Rule.FLAG_IS_BOOLEAN, Action.REPAIRED)]),
        (1, True, [(Rule.FLAG_IS_BOOLEAN, Action.REPAIRED)]),
        ("false", False, [(Rule.FLAG_IS_BOOLEAN, Action.REPAIRED)]),
        (" TRUE ", True, [(Rule.FLAG_IS_BOOLEAN, Action.REPAIRED)]),
        (None, True, [(Rule.REQUIRED, Action.ASSUMED)]),
        ("perhaps", True, [(Rule.FLAG_IS_BOOLEAN, Action.ASSUMED)]),
        (2, True, [(Rule.FLAG_IS_BOOLEAN, Action.ASSUMED)]),
        ({}, True, [(Rule.FLAG_IS_BOOLEAN, Action.ASSUMED)]),
    ],
)
def test_a_flag_is_taken_repaired_or_assumed(value: object, flag: bool, deviations: list[tuple[Rule, Action]]) -> None:
    read = fields(is_renting=value)

    assert (read.flag("is_renting", True), noted(read)) == (flag, deviations)


def test_version_1_writes_its_flags_as_numbers() -> None:
    read = Fields("station_status", "st_1", {"is_renting": 0}, [], is_version_1=True)

    assert (read.flag("is_renting", True), read.deviations) == (False, [])


@pytest.mark.parametrize(
    ("value", "instant", "deviations"),
    [
        (POSIX, NOON, []),
        (POSIX + 0.25, NOON.replace(microsecond=250_000), [(Rule.TIME_IN_SECONDS, Action.REPAIRED)]),
        ("2026-03-02T12:00:00Z", NOON, []),
        ("2026-03-02T13:00:00+01:00", NOON, []),
        ("2026-03-02T13:00:00.1234567+01:00", NOON.replace(microsecond=123_000), []),
        ("2026-03-02t12:00:00.5z", NOON.replace(microsecond=500_000), []),
        ("2026-03-02T12:00:00.123456789123Z", NOON.replace(microsecond=123_000), []),
        ("2026-03-02T12:00:00", NOON, [(Rule.TIME_HAS_OFFSET, Action.ASSUMED)]),
        (str(POSIX), NOON, [(Rule.TYPE, Action.REPAIRED)]),
        (POSIX * 1000, NOON, [(Rule.TIME_IN_SECONDS, Action.REPAIRED)]),
        (0, None, [(Rule.TIME_SENTINEL, Action.UNKNOWN)]),
        (86400, None, [(Rule.TIME_SENTINEL, Action.UNKNOWN)]),
        (-62135596800, None, [(Rule.TIME_SENTINEL, Action.UNKNOWN)]),
        ("1970-01-01T00:00:00Z", None, [(Rule.TIME_SENTINEL, Action.UNKNOWN)]),
        ("0001-01-01T00:00:00+23:59", None, [(Rule.TIME_SENTINEL, Action.UNKNOWN)]),
        ("9999-12-31T23:59:59-12:00", None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
        (10**30, None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
        ("yesterday", None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
        ("2026-03-02", None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
        (True, None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
        ([], None, [(Rule.TIME_READABLE, Action.UNKNOWN)]),
    ],
)
def test_a_time_is_utc_in_milliseconds_or_unknown(
    value: object, instant: datetime | None, deviations: list[tuple[Rule, Action]]
) -> None:
    read = fields(last_reported=value)

    assert (read.instant("last_reported"), noted(read)) == (instant, deviations)


@pytest.mark.parametrize(
    ("value", "identifier", "deviations"),
    [
        ("st_1", "st_1", []),
        ("", None, []),
        (None, None, []),
        (" st_1\n", "st_1", [(Rule.TEXT_TRIMMED, Action.REPAIRED)]),
        (213688169, "213688169", [(Rule.ID_IS_TEXT, Action.REPAIRED)]),
        (True, None, [(Rule.TYPE, Action.UNKNOWN)]),
        (1.5, None, [(Rule.TYPE, Action.UNKNOWN)]),
    ],
)
def test_an_id_is_text(value: object, identifier: str | None, deviations: list[tuple[Rule, Action]]) -> None:
    read = fields(station_id=value)

    assert (read.identifier("station_id"), noted(read)) == (identifier, deviations)


FRENCH_AND_BRETON = [{"text": "Gare", "language": "fr"}, {"text": "Ti-gar", "language": "BR"}]


@pytest.mark.parametrize(
    ("value", "text", "deviations"),
    [
        ("Gare", "Gare", []),
        ("", None, []),
        (None, None, []),
        (FRENCH_AND_BRETON, "Gare", []),
        (" Gare ", "Gare", [(Rule.TEXT_TRIMMED, Action.REPAIRED)]),
        ("01+%3a+Th%c3%a9%c3%a2tre", "01 : Théâtre", [(Rule.TEXT_DECODED, Action.REPAIRED)]),
        ("50% off", "50% off", []),
        (17, "17", [(Rule.TYPE, Action.REPAIRED)]),
        ("half a pair \ud800", "half a pair ?", [(Rule.TEXT_TRIMMED, Action.REPAIRED)]),
        ([], None, [(Rule.TYPE, Action.UNKNOWN)]),
        (["Gare"], None, [(Rule.TYPE, Action.UNKNOWN)]),
        ({"text": "Gare"}, None, [(Rule.TYPE, Action.UNKNOWN)]),
    ],
)
def test_a_text_is_trimmed_and_the_first_of_several_languages(
    value: object, text: str | None, deviations: list[tuple[Rule, Action]]
) -> None:
    read = fields(name=value)

    assert (read.text("name"), noted(read)) == (text, deviations)


@pytest.mark.parametrize(("languages", "text"), [(("br",), "Ti-gar"), (("en", "BR"), "Ti-gar"), (("en",), "Gare")])
def test_a_text_is_in_the_language_asked_for_when_there_is_one(languages: tuple[str, ...], text: str) -> None:
    assert fields(name=FRENCH_AND_BRETON).text("name", languages) == text


@pytest.mark.parametrize(
    ("lat", "lon", "position"),
    [
        (48.39, -4.48, (48.39, -4.48)),
        ("48.39", "-4.48", (48.39, -4.48)),
        (0, -4.48, (0, -4.48)),
        (0, 0, None),
        (91, 0, None),
        (48, 181, None),
        (float("nan"), 1, None),
        (None, 1, None),
        (True, 1, None),
    ],
)
def test_a_position_is_on_earth_and_not_null_island(
    lat: object, lon: object, position: tuple[float, float] | None
) -> None:
    assert fields(lat=lat, lon=lon).position() == position


@pytest.mark.parametrize(
    ("value", "number", "deviations"),
    [
        (0.5, 0.5, []),
        (None, None, []),
        (-1, None, [(Rule.NUMBER_RANGE, Action.UNKNOWN)]),
        (float("inf"), None, [(Rule.TYPE, Action.UNKNOWN)]),
    ],
)
def test_a_number_keeps_its_range(value: object, number: float | None, deviations: list[tuple[Rule, Action]]) -> None:
    read = fields(ttl=value)

    assert (read.number("ttl", lowest=0), noted(read)) == (number, deviations)


@pytest.mark.parametrize("text", ["", "noon", "2026-03-02", "2026-13-02T12:00:00Z", "2026-03-02T12:00:00+99:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert rfc3339(text) is None
