"""Since when a vehicle has stood still: poll after poll, as an observer publishes it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gbfs_model import Feed
from pipeline.model import VehicleStatus
from pipeline.observation import Observer
from pipeline.parked import SAME_PLACE_METRES, parked_in
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, Json, body, status, statuses, vehicle, without

MINUTE = timedelta(minutes=1)
METRE = 1 / 111_195
LAT = 48.39


class Street:
    """A system of vehicles and its observer; the n-th poll is n minutes after noon."""

    def __init__(self) -> None:
        self.observer = Observer("harbour", Settings())
        self.now = NOON

    def poll(self, *vehicles: Json, pause: timedelta = MINUTE, keep: bool = True) -> dict[str, datetime | None]:
        """Since when each vehicle has stood still, by its id."""
        return self.fetch(Fetch(body=body({"bikes": vehicles}, self.now)), pause=pause, keep=keep)

    def fetch(
        self, sent: Fetch, feed: Feed = Feed.VEHICLE_STATUS, pause: timedelta = MINUTE, *, keep: bool = True
    ) -> dict[str, datetime | None]:
        observation = self.observer.observe(self.now, {feed: sent})
        self.now += pause
        if keep:
            self.observer.keep(observation)
        records = [record for record in observation.records if isinstance(record, VehicleStatus)]
        return {record.vehicle_id: record.still_since for record in records}


def test_a_vehicle_outside_stations_stands_still_from_the_first_poll_that_saw_it_there() -> None:
    street = Street()
    assert street.poll(vehicle("v")) == {"v": NOON}
    assert street.poll(vehicle("v"), vehicle("new")) == {"v": NOON, "new": NOON + MINUTE}
    assert street.poll(vehicle("v"), vehicle("new")) == {"v": NOON, "new": NOON + MINUTE}


@pytest.mark.parametrize(
    ("east", "north", "has_moved"),
    [(0, 49, False), (0, 51, True), (49, 0, False), (-51, 0, True), (34, -34, False), (37, 37, True)],
)
def test_a_position_that_jitters_is_no_move(east: float, north: float, has_moved: bool) -> None:
    street = Street()
    street.poll(vehicle("v", lat=LAT, lon=-4.48))
    lon = -4.48 + east * METRE / math.cos(math.radians(LAT))
    moved = street.poll(vehicle("v", lat=LAT + north * METRE, lon=lon))
    assert moved == {"v": NOON + MINUTE if has_moved else NOON}


def test_the_date_line_is_no_distance() -> None:
    street = Street()
    street.poll(vehicle("v", lat=-17.8, lon=179.9999))
    assert street.poll(vehicle("v", lat=-17.8, lon=-179.9999)) == {"v": NOON}


@pytest.mark.parametrize("elsewhere", [{"station_id": "st_1"}, {"is_reserved": True}, {"lat": 0, "lon": 0}], ids=str)
def test_at_a_station_reserved_or_nowhere_it_does_not_stand_still_and_begins_anew(elsewhere: Json) -> None:
    street = Street()
    street.poll(vehicle("v"))
    assert street.poll(vehicle("v", **elsewhere)) == {"v": None}
    assert street.poll(vehicle("v")) == {"v": NOON + 2 * MINUTE}


def test_a_disabled_vehicle_stands_still_too() -> None:
    street = Street()
    street.poll(vehicle("v"))
    assert street.poll(vehicle("v", is_disabled=True)) == {"v": NOON}


def test_a_poll_of_the_feed_without_the_vehicle_ends_it() -> None:
    street = Street()
    street.poll(vehicle("v"))
    street.poll(vehicle("other"))
    assert street.poll(vehicle("v"))["v"] == NOON + 2 * MINUTE


def test_a_poll_that_finds_no_vehicles_ends_it() -> None:
    street = Street()
    street.poll(vehicle("v"))
    street.poll()
    assert street.poll(vehicle("v")) == {"v": NOON + 2 * MINUTE}


@pytest.mark.parametrize(
    "sent", [Fetch(failure="No answer."), Fetch(body=b"{"), Fetch(body=body({"bikes": []}, NOON - timedelta(hours=2)))]
)
def test_a_poll_that_observes_no_vehicles_does_not_end_it(sent: Fetch) -> None:
    street = Street()
    street.poll(vehicle("v"))
    assert street.fetch(sent) == {}
    assert street.poll(vehicle("v")) == {"v": NOON}


def test_polls_of_other_feeds_do_not_end_it() -> None:
    street = Street()
    street.poll(vehicle("v"))
    street.fetch(Fetch(body=body(statuses(status("st_1")), street.now)), Feed.STATION_STATUS)
    assert street.poll(vehicle("v")) == {"v": NOON}


def test_a_gap_in_polling_does_not_end_it() -> None:
    street = Street()
    street.poll(vehicle("v"), pause=timedelta(hours=30))
    assert street.poll(vehicle("v")) == {"v": NOON}


def test_the_same_document_again_lets_it_stand() -> None:
    street = Street()
    street.poll(vehicle("v"))
    assert street.fetch(Fetch(is_not_modified=True)) == {"v": NOON}


def test_what_was_not_published_does_not_count() -> None:
    street = Street()
    street.poll(vehicle("v"), keep=False)
    assert street.poll(vehicle("v")) == {"v": NOON + MINUTE}
    street.poll(vehicle("v", is_reserved=True), keep=False)
    assert street.poll(vehicle("v")) == {"v": NOON + MINUTE}


def test_a_clock_that_is_set_back_does_not_make_it_the_future() -> None:
    street = Street()
    street.poll(vehicle("v"), pause=-MINUTE)
    assert street.poll(vehicle("v")) == {"v": NOON - MINUTE}


def test_a_record_without_a_position_is_not_parked() -> None:
    record = VehicleStatus(
        system_id="harbour",
        polled_at=NOON,
        vehicle_id="v",
        lat=None,
        lon=None,
        is_reserved=False,
        is_disabled=False,
        still_since=NOON,
        hold_seconds=180,
        vehicles_in_poll=1,
    )
    assert parked_in([record]) == {}


SIGHTINGS = st.lists(
    st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "station_id": st.sampled_from(["st_1", ""]),
            "is_reserved": st.booleans(),
            "lat": st.sampled_from([LAT, LAT + 20 * METRE, LAT + 45 * METRE, LAT + 75 * METRE]),
        },
    ),
    max_size=12,
)


@settings(deadline=None)
@given(SIGHTINGS)
def test_whatever_a_vehicle_does_it_is_still_since_the_first_of_the_polls_that_saw_it_stand(
    sightings: list[Json | None],
) -> None:
    street = Street()
    found = [street.poll(*([] if seen is None else [vehicle("v", **seen)])).get("v") for seen in sightings]

    for last, seen in enumerate(sightings):
        first = last
        while first > 0 and _stands(sightings[first - 1], sightings[first]):
            first -= 1
        assert found[last] == (NOON + first * MINUTE if _is_out(seen) else None)


def _is_out(seen: Json | None) -> bool:
    return seen is not None and not seen.get("station_id") and not seen.get("is_reserved")


def _stands(before: Json | None, after: Json | None) -> bool:
    if before is None or after is None or not _is_out(before) or not _is_out(after):
        return False
    return bool(abs(before.get("lat", LAT) - after.get("lat", LAT)) / METRE < SAME_PLACE_METRES)


def test_a_vehicle_that_tells_no_position_is_nowhere() -> None:
    street = Street()
    street.poll(vehicle("v"))
    assert street.poll(without(vehicle("v"), "lat", "lon")).get("v") is None
