"""What an observation says of a system, its feeds and their documents, and what of it the log gets."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec

from pipeline.deviations import Rule
from pipeline.gbfs_model import Feed, Link
from pipeline.model import FeedState, FeedStatus, StationInformation, SystemInformation, Topic, decode
from pipeline.observation import Observer
from pipeline.reading import Fetch
from tests.gbfs_documents import NOON, body, links, station, status, statuses, system
from tests.observed_city import DECLARED, MINUTE, SETTINGS, City, of


def test_declarations_are_published_at_the_start() -> None:
    city = City()
    city.now = NOON

    records = city.observe(DECLARED).records

    assert records[:2] == (
        SystemInformation(
            system_id="harbour",
            polled_at=NOON,
            name="Harbour Bikes",
            time_zone="Europe/Paris",
            operator="Harbour Ltd",
            language="fr",
            feed_url="https://example.org/gbfs.json",
        ),
        StationInformation(
            system_id="harbour",
            polled_at=NOON,
            station_id="st_1",
            name="Harbour",
            lat=48.38,
            lon=-4.49,
            capacity=10,
            address="Quai 1",
        ),
    )
    assert [type(record) for record in records[2:]] == [StationInformation, FeedStatus, FeedStatus]


def test_declarations_are_published_again_only_when_they_change() -> None:
    city = City()
    city.observe(DECLARED)
    city.now += MINUTE
    moved = body({"stations": [station("st_1", address="Quai 1"), station("st_2", lat=48.5)]})

    again = city.observe(DECLARED)
    changed = city.observe({Feed.STATION_INFORMATION: moved})

    assert [type(record) for record in again.records] == [FeedStatus, FeedStatus]
    assert [record.station_id for record in of(StationInformation, changed)] == ["st_2"]


def test_declarations_are_published_again_after_a_day_so_that_the_log_keeps_them() -> None:
    city = City()
    city.observe(DECLARED)
    city.now += timedelta(days=1)

    records = city.observe(DECLARED).records

    kinds = [SystemInformation, StationInformation, StationInformation, FeedStatus, FeedStatus]
    assert [type(record) for record in records] == kinds


def test_a_system_that_does_not_describe_itself_is_published_under_its_id() -> None:
    city = City()

    observation = city.observe({Feed.STATION_STATUS: body(statuses(status("st_1")))})

    (found,) = of(SystemInformation, observation)
    assert (found.name, found.time_zone, found.polled_at) == ("harbour", "UTC", NOON - MINUTE)
    assert of(SystemInformation, city.observe({Feed.STATION_STATUS: body(statuses())})) == []


def test_a_system_known_from_before_stands_in_for_one_that_can_not_be_read() -> None:
    known = SystemInformation(system_id="harbour", polled_at=NOON, name="Harbour Bikes", time_zone="Europe/Paris")
    observer = Observer("harbour", SETTINGS, known_system=known)

    observation = observer.observe(NOON + MINUTE, {Feed.SYSTEM_INFORMATION: Fetch(failure="No answer.")})

    assert of(SystemInformation, observation) == [msgspec.structs.replace(known, polled_at=NOON + MINUTE)]


def test_the_feed_status_of_a_good_fetch_says_all_about_it() -> None:
    city = City()
    city.observe(DECLARED)
    sent = body(statuses(status("st_1"), status("st_2")), ttl=90)

    observation = city.observe({Feed.STATION_STATUS: Fetch(body=sent, http_status=200, latency_ms=12.5)})

    assert observation.feeds[Feed.STATION_STATUS] == FeedStatus(
        system_id="harbour",
        polled_at=NOON - MINUTE,
        feed="station_status",
        state=FeedState.OK,
        is_observing=True,
        entities=2,
        entities_expected=2,
        http_status=200,
        latency_ms=12.5,
        bytes=len(sent),
        last_updated=NOON,
        ttl_seconds=90.0,
        interval_seconds=90.0,
        hold_seconds=270.0,
        has_vehicle_feed=False,
    )


def test_deviations_are_counted_by_rule_with_an_example() -> None:
    city = City()
    city.observe(DECLARED)

    odd = body(statuses(status("st_1", bikes=-1), status("st_2"), status("st_9")))
    observation = city.observe({Feed.STATION_STATUS: odd})

    feed = observation.feeds[Feed.STATION_STATUS]
    assert feed.deviations == 2
    assert json.loads(feed.deviations_by_rule or "") == {
        "count_range": {
            "count": 1,
            "example": "station_status st_1: num_bikes_available is -1; a count is not negative; taken as unknown.",
        },
        "id_declared": {
            "count": 1,
            "example": "station_status st_9: the station; station_information declares every station of"
            " station_status; kept.",
        },
    }


def test_no_station_is_undeclared_before_any_was_declared() -> None:
    observation = City().observe({Feed.STATION_STATUS: body(statuses(status("st_1")))})

    assert observation.feeds[Feed.STATION_STATUS].deviations == 0


def test_a_system_that_changes_its_id_keeps_the_first() -> None:
    city = City()
    city.observe(DECLARED)

    city.now += MINUTE
    changed = body(system("other", operator="Harbour Ltd"), NOON + MINUTE)
    observation = city.observe({Feed.SYSTEM_INFORMATION: changed})

    feed = observation.feeds[Feed.SYSTEM_INFORMATION]
    assert list(json.loads(feed.deviations_by_rule or "")) == [Rule.ID_STABLE]
    assert {record.system_id for record in observation.records} == {"harbour"}


def test_links_come_with_the_discovery() -> None:
    city = City()

    found = city.observe({Feed.DISCOVERY: Fetch(body=body(links("https://example.org", ["station_status"])))})
    nothing = city.observe({Feed.DISCOVERY: Fetch(failure="No answer.")})

    assert found.links == (Link(Feed.STATION_STATUS, "https://example.org/station_status.json"),)
    assert found.feeds[Feed.DISCOVERY].entities == 1
    assert nothing.links is None


def test_the_log_gets_each_record_under_its_topic_and_key() -> None:
    city = City()
    city.now = NOON
    observation = city.observe({**DECLARED, Feed.STATION_STATUS: body(statuses(status("st_1")))})

    stored = observation.log_records()

    assert [(record.topic, record.key) for record in stored] == [
        (Topic.SYSTEM_INFORMATION, "harbour"),
        (Topic.STATION_INFORMATION, "harbour/st_1"),
        (Topic.STATION_INFORMATION, "harbour/st_2"),
        (Topic.STATION_STATUS, "harbour/st_1"),
        (Topic.FEED_STATUS, "harbour/system_information"),
        (Topic.FEED_STATUS, "harbour/station_information"),
        (Topic.FEED_STATUS, "harbour/station_status"),
    ]
    assert tuple(decode(record.topic, record.value) for record in stored) == observation.records
