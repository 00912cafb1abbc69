from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.deviations import Rule
from pipeline.gbfs_model import Feed, Link
from pipeline.model import (
    FeedState,
    FeedStatus,
    StationInformation,
    StationStatus,
    SystemInformation,
    Topic,
    VehicleStatus,
    decode,
)
from pipeline.observation import FORGET_AFTER, Observation, Observer
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, Json, body, links, station, status, statuses, system, vehicle

SETTINGS = Settings(min_poll_seconds=60, stale_seconds=300)
MINUTE = timedelta(minutes=1)


class City:
    """One system and its observer; each `poll` is a minute after the one before."""

    def __init__(self) -> None:
        self.observer = Observer("harbour", SETTINGS, feed_url="https://example.org/gbfs.json")
        self.now = NOON - MINUTE

    def poll(self, *stations: Json, pause: timedelta = MINUTE, keep: bool = True) -> list[StationStatus]:
        self.now += pause
        return of(StationStatus, self.observe({Feed.STATION_STATUS: body(statuses(*stations), self.now)}, keep=keep))

    def observe(self, feeds: Mapping[Feed, bytes | Fetch], *, keep: bool = True) -> Observation:
        fetches = {feed: Fetch(body=sent) if isinstance(sent, bytes) else sent for feed, sent in feeds.items()}
        observation = self.observer.observe(self.now, fetches)
        if keep:
            self.observer.keep(observation)
        return observation


def of(kind: type[Any], observation: Observation) -> list[Any]:
    return [record for record in observation.records if isinstance(record, kind)]


def flags(records: list[StationStatus]) -> dict[str, tuple[bool, datetime | None]]:
    return {record.station_id: (record.changed, record.seen_before) for record in records}


def test_a_station_record_says_all_that_the_feed_says() -> None:
    (record,) = City().poll(status("st_1", num_bikes_disabled=1, num_docks_disabled=2))

    assert record == StationStatus(
        system_id="harbour",
        polled_at=NOON,
        station_id="st_1",
        bikes=3,
        docks=7,
        bikes_disabled=1,
        docks_disabled=2,
        is_installed=True,
        is_renting=True,
        is_returning=True,
        last_reported=NOON,
        changed=True,
        seen_before=None,
        hold_seconds=180.0,
        stations_in_poll=1,
    )


def test_an_unchanged_station_says_when_it_was_seen_before() -> None:
    city = City()
    city.poll(status("st_1"), status("st_2"))

    records = city.poll(status("st_1"), status("st_2", bikes=4))

    assert flags(records) == {"st_1": (False, NOON), "st_2": (True, NOON)}


@pytest.mark.parametrize(
    "change",
    [
        {"num_bikes_available": 2},
        {"num_docks_available": None},
        {"num_bikes_disabled": 1},
        {"num_docks_disabled": 0},
        {"is_installed": False},
        {"is_renting": False},
        {"is_returning": False},
    ],
)
def test_a_change_of_any_count_or_flag_is_a_change(change: Json) -> None:
    city = City()
    city.poll(status("st_1"))

    assert flags(city.poll(status("st_1") | change)) == {"st_1": (True, NOON)}


def test_a_report_that_says_the_same_again_is_no_change() -> None:
    city = City()
    city.poll(status("st_1"))

    assert flags(city.poll(status("st_1", last_reported=int(NOON.timestamp()) + 55))) == {"st_1": (False, NOON)}


def test_a_station_that_comes_back_is_changed_though_it_says_the_same() -> None:
    city = City()
    city.poll(status("st_1"), status("st_2"))
    city.poll(status("st_1"))

    records = city.poll(status("st_1"), status("st_2"))

    assert flags(records) == {"st_1": (False, NOON + MINUTE), "st_2": (True, NOON)}


def test_a_gap_between_polls_is_no_change() -> None:
    city = City()
    city.poll(status("st_1"))

    assert flags(city.poll(status("st_1"), pause=timedelta(hours=2))) == {"st_1": (False, NOON)}


def test_polls_that_observe_nothing_do_not_count_as_the_poll_before() -> None:
    city = City()
    city.poll(status("st_1"))
    city.now += MINUTE
    city.observe({Feed.STATION_STATUS: Fetch(failure="No answer.")})

    assert flags(city.poll(status("st_1"))) == {"st_1": (False, NOON)}


def test_a_poll_without_stations_makes_all_of_them_new() -> None:
    city = City()
    city.poll(status("st_1"))
    city.poll()

    assert flags(city.poll(status("st_1"))) == {"st_1": (True, NOON)}


def test_what_was_not_published_does_not_count_as_seen() -> None:
    city = City()
    city.poll(status("st_1"))
    city.poll(status("st_1", bikes=9), keep=False)

    assert flags(city.poll(status("st_1", bikes=9))) == {"st_1": (True, NOON)}


def test_a_station_is_forgotten_when_it_was_not_seen_for_a_day() -> None:
    city = City()
    city.poll(status("st_1"), status("st_2"))
    city.poll(status("st_2"), pause=FORGET_AFTER)
    city.poll(status("st_2"))

    assert set(city.observer.published.statuses) == {"st_2"}


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        (body(statuses(status("st_1")), NOON - timedelta(hours=1)), FeedState.STALE),
        (b"<html>", FeedState.REFUSED),
        (Fetch(failure="No answer."), FeedState.UNREACHABLE),
    ],
)
def test_what_does_not_observe_publishes_its_feed_status_alone(sent: bytes | Fetch, state: FeedState) -> None:
    city = City()
    city.poll(status("st_1"))

    observation = city.observe({Feed.STATION_STATUS: sent})

    (record,) = observation.records
    assert isinstance(record, FeedStatus)
    assert (record.state, record.is_observing, record.entities) == (state, False, None)
    assert (record.reason or "").endswith(".")


def test_not_modified_observes_the_stations_again() -> None:
    city = City()
    city.poll(status("st_1"))
    city.now += MINUTE

    observation = city.observe({Feed.STATION_STATUS: Fetch(is_not_modified=True, http_status=304)})

    assert flags(of(StationStatus, observation)) == {"st_1": (False, NOON)}
    (feed,) = of(FeedStatus, observation)
    assert (feed.state, feed.is_observing, feed.entities, feed.bytes) == (FeedState.NOT_MODIFIED, True, 1, None)


def test_a_vehicle_record_says_all_that_the_feed_says() -> None:
    city = City()
    document = body({"bikes": [vehicle("v_1", station_id="st_1", current_range_meters=900), vehicle("v_2")]})

    records = of(VehicleStatus, city.observe({Feed.VEHICLE_STATUS: document}))

    first = VehicleStatus(
        system_id="harbour",
        polled_at=NOON - MINUTE,
        vehicle_id="v_1",
        lat=48.39,
        lon=-4.48,
        station_id="st_1",
        is_reserved=False,
        is_disabled=False,
        range_meters=900.0,
        hold_seconds=180.0,
        vehicles_in_poll=2,
    )
    outside = {"station_id": None, "range_meters": None, "still_since": NOON - MINUTE}
    assert records == [first, msgspec.structs.replace(first, vehicle_id="v_2", **outside)]


DECLARED = {
    Feed.SYSTEM_INFORMATION: body(system(operator="Harbour Ltd")),
    Feed.STATION_INFORMATION: body({"stations": [station("st_1", address="Quai 1"), station("st_2")]}),
}


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


def test_a_shifted_poll_moves_all_its_times_alike() -> None:
    shift = timedelta(days=200)
    observer = Observer("harbour", SETTINGS)

    observation = observer.observe(
        NOON + shift, {Feed.STATION_STATUS: Fetch(body=body(statuses(status("st_1"))))}, shift
    )

    (record,) = of(StationStatus, observation)
    assert (record.polled_at, record.last_reported) == (NOON + shift, NOON + shift)
    assert observation.feeds[Feed.STATION_STATUS].last_updated == NOON + shift
