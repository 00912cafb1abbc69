"""When a feed is fresh, and when not: by its newest fetch, its age, and what its stations say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.feed_health import FeedHealth, Verdict, is_dead, judge, judge_all, judge_system
from backend.live import LiveSystem
from pipeline.model import FeedState, FeedStatus
from tests.small_city import NOW, POLL, feed, minutes, small_city, status, vehicle

TOLERANCE = 300.0


def verdict(record: FeedStatus, live: LiveSystem | None = None, now: datetime = NOW) -> Verdict:
    return judge(live or small_city(), record, now, TOLERANCE)


def bikeless(*bikes: int | None, **more: Any) -> LiveSystem:
    """A system whose stations report so many bikes."""
    live = LiveSystem()
    statuses = [status(str(number), count, 10, **more) for number, count in enumerate(bikes)]
    live.load(statuses, [feed("station_status")], NOW)
    return live


@pytest.mark.parametrize("state", [FeedState.OK, FeedState.NOT_MODIFIED])
def test_what_was_just_observed_is_fresh(state: FeedState) -> None:
    assert verdict(feed("station_status", state, last_updated=POLL, ttl_seconds=60.0)) == (FeedHealth.FRESH, None)


@pytest.mark.parametrize("state", [FeedState.STALE, FeedState.REFUSED, FeedState.UNREACHABLE])
def test_a_fetch_that_observed_nothing_says_why(state: FeedState) -> None:
    assert verdict(feed("vehicle_status", state, reason="So it is.")) == (FeedHealth(state), "So it is.")


def test_a_document_is_stale_when_it_is_older_than_its_ttl_the_poll_interval_and_the_tolerance() -> None:
    made = NOW - timedelta(seconds=60 + 60 + TOLERANCE)
    record = feed("station_status", last_updated=made, ttl_seconds=60.0)
    assert verdict(record).state is FeedHealth.FRESH
    assert verdict(record, now=NOW + timedelta(seconds=1)) == (
        FeedHealth.STALE,
        "The document was made 421 s ago; more than 420 s is stale.",
    )


def test_what_declares_is_never_too_old_while_it_is_polled() -> None:
    assert verdict(feed("station_information", last_updated=NOW - timedelta(days=300))).state is FeedHealth.FRESH


def test_a_feed_that_is_no_longer_polled_is_stale() -> None:
    late = POLL + timedelta(seconds=180)
    assert verdict(feed("station_status"), now=late - timedelta(seconds=1)).state is FeedHealth.FRESH
    assert verdict(feed("station_status"), now=late) == (
        FeedHealth.STALE,
        "It was last polled 180 s ago; after 180 s that is no longer trusted.",
    )


def test_a_feed_that_declares_may_be_polled_rarely() -> None:
    hourly = FeedStatus(
        system_id="brest",
        polled_at=NOW - minutes(179),
        feed="station_information",
        state=FeedState.OK,
        is_observing=True,
        interval_seconds=3600.0,
        hold_seconds=180.0,
    )
    assert verdict(hourly).state is FeedHealth.FRESH
    assert verdict(hourly, now=NOW + minutes(1)).state is FeedHealth.STALE


def test_a_system_without_one_bike_is_dead() -> None:
    live = bikeless(0, 0, None)
    assert verdict(feed("station_status"), live) == (
        FeedHealth.DEAD,
        "No station has a bike, though they are said to rent them.",
    )
    assert verdict(feed("vehicle_status"), live).state is FeedHealth.FRESH


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(bikeless(0, 0, 1), id="one bike"),
        pytest.param(bikeless(0, 0), id="two stations may well be empty"),
        pytest.param(bikeless(0, 0, 0, is_renting=False), id="closed for the winter"),
        pytest.param(bikeless(None, None, None), id="a feed that does not count bikes"),
    ],
)
def test_no_other_system_is_dead(live: LiveSystem) -> None:
    assert not is_dead(live)


def test_a_bike_outside_stations_is_life_unless_it_is_broken() -> None:
    live = bikeless(0, 0, 0)
    live.vehicles = {"v": vehicle("v")}
    assert not is_dead(live)
    live.memo.clear()
    live.vehicles = {"v": vehicle("v", is_disabled=True)}
    assert is_dead(live)


def test_a_frozen_system_says_since_when_until_something_moves() -> None:
    live = small_city()
    live.frozen = "No count has changed since noon."
    assert verdict(feed("station_status"), live) == (FeedHealth.FROZEN, "No count has changed since noon.")


def test_a_system_is_judged_by_its_stations_or_else_its_vehicles() -> None:
    live = small_city()
    live.feeds["vehicle_status"] = feed("vehicle_status", FeedState.REFUSED)
    assert judge_all(live, NOW, TOLERANCE) == {
        "station_status": FeedHealth.FRESH,
        "station_information": FeedHealth.FRESH,
        "vehicle_status": FeedHealth.REFUSED,
    }
    assert judge_system(live, NOW, TOLERANCE) == (FeedHealth.FRESH, None)
    del live.feeds["station_status"]
    assert judge_system(live, NOW, TOLERANCE) == (FeedHealth.REFUSED, None)
    assert judge_system(LiveSystem(), NOW, TOLERANCE) is None
