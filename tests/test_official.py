"""What the official schemas say."""

from __future__ import annotations

import json

import pytest

from pipeline.gbfs_model import Feed
from pipeline.official import LONGEST, Word, official_words, total
from tests.gbfs_documents import body, station, status, statuses, vehicle, without


@pytest.mark.parametrize("version", ["1.1", "2.0", "2.1", "2.2", "2.3"])
def test_a_good_document_has_no_error_in_any_version(version: str) -> None:
    flags = dict.fromkeys(("is_installed", "is_renting", "is_returning"), 1 if version == "1.1" else True)

    assert official_words(Feed.STATION_STATUS, version, body(statuses(status("1", **flags)), version=version)) == ()


def test_errors_of_many_entities_are_told_once_with_their_count() -> None:
    sent = body({"stations": [station(1), station(2), without(station("3"), "lat")]})

    words = official_words(Feed.STATION_INFORMATION, "2.3", sent)

    assert words == (
        Word("data.stations.*.station_id", "1 is not of type 'string'", 2),
        Word("data.stations.*", "'lat' is a required property", 1),
    )
    assert total(words) == 3


def test_vehicles_have_another_name_before_version_3() -> None:
    assert official_words(Feed.VEHICLE_STATUS, "2.3", body({"bikes": [vehicle("v")]})) == ()
    assert official_words(Feed.VEHICLE_STATUS, "3.0", body({"bikes": []}, version="3.0")) != ()


@pytest.mark.parametrize(
    ("feed", "version"),
    [(Feed.STATION_STATUS, "9.9"), (Feed.STATION_STATUS, "../../x"), (Feed.VEHICLE_AVAILABILITY, "2.3")],
)
def test_there_is_not_a_schema_for_everything(feed: Feed, version: str) -> None:
    assert official_words(feed, version, body({})) is None


def test_a_document_without_a_version_is_of_the_first() -> None:
    words = official_words(Feed.STATION_STATUS, None, json.dumps({"last_updated": 1, "data": {}}).encode())

    assert words is not None
    assert "'ttl' is a required property" in [word.message for word in words]


def test_a_candidate_of_the_next_version_has_a_schema() -> None:
    assert official_words(Feed.VEHICLE_AVAILABILITY, "3.1-RC3", body({}, version="3.1-RC3")) is not None


def test_a_body_that_is_no_json_has_one_error() -> None:
    assert official_words(Feed.STATION_STATUS, "2.3", b"<html>") == (Word("", "The body is not JSON.", 1),)


def test_a_long_message_is_cut() -> None:
    words = official_words(Feed.STATION_STATUS, "2.3", body({"stations": "x" * 1000}))

    assert words is not None
    assert max(len(word.message) for word in words) == LONGEST + 1
