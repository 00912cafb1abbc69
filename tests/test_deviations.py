from __future__ import annotations

import json

import pytest

from pipeline.deviations import EXPLANATION, SHOWN_CHARACTERS, Action, Deviation, Rule, shown, summary

NEGATIVE = Deviation("station_status", "st_1", "num_bikes_available", "-3", Rule.COUNT_RANGE, Action.UNKNOWN)


def test_a_sentence_names_place_value_rule_and_what_was_done() -> None:
    assert (
        NEGATIVE.sentence
        == "station_status st_1: num_bikes_available is -3; a count is not negative; taken as unknown."
    )


def test_a_deviation_of_the_document_names_no_entity() -> None:
    deviation = Deviation("station_status", "", "last_updated", "None", Rule.REQUIRED, Action.UNKNOWN)

    assert deviation.sentence == "station_status: last_updated is None; the field is required; taken as unknown."


def test_a_summary_counts_by_rule_and_keeps_the_first_as_example() -> None:
    later = Deviation("station_status", "st_2", "num_docks_available", "-1", Rule.COUNT_RANGE, Action.UNKNOWN)
    twice = Deviation("station_status", "st_3", "", "the entity", Rule.ID_UNIQUE, Action.REFUSED)

    assert json.loads(summary([NEGATIVE, later, twice]) or "") == {
        "count_range": {"count": 2, "example": NEGATIVE.sentence},
        "id_unique": {"count": 1, "example": twice.sentence},
    }


def test_no_deviations_have_no_summary() -> None:
    assert summary([]) is None


def test_every_rule_is_explained() -> None:
    assert set(EXPLANATION) == set(Rule)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-3, "-3"),
        ("Gare ", "'Gare '"),
        ("a\x1b[31m", r"'a\x1b[31m'"),
        ("x" * 100, "'" + "x" * (SHOWN_CHARACTERS - 1) + "…"),
    ],
)
def test_a_value_is_shown_short_and_printable(value: object, text: str) -> None:
    assert shown(value) == text
