from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from pipeline.gbfs_model import Feed
from pipeline.model import FeedState, FeedStatus, StationStatus, VehicleStatus
from pipeline.observation import FORGET_AFTER, Observer
from pipeline.reading import Fetch
from tests.gbfs_documents import NOON, Json, body, status, statuses, vehicle
from tests.observed_city import MINUTE, SETTINGS, City, of


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


def test_a_shifted_poll_moves_all_its_times_alike() -> None:
    shift = timedelta(days=200)
    observer = Observer("harbour", SETTINGS)

    observation = observer.observe(
        NOON + shift, {Feed.STATION_STATUS: Fetch(body=body(statuses(status("st_1"))))}, shift
    )

    (record,) = of(StationStatus, observation)
    assert (record.polled_at, record.last_reported) == (NOON + shift, NOON + shift)
    assert observation.feeds[Feed.STATION_STATUS].last_updated == NOON + shift
