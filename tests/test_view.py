from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from backend.live import LiveSystem
from backend.types.status import StationStatus
from backend.view import View
from pipeline.model import FeedState, Thresholds
from pipeline.model import StationState as State
from tests.small_city import HOLD, NOW, POLL, SYSTEM, feed, minutes, small_city, status

EXPIRY = POLL + timedelta(seconds=HOLD)


def view(live: LiveSystem, now: datetime = NOW) -> View:
    return View(SYSTEM, live, now, Thresholds(), 300.0)


def states(view: View) -> list[State]:
    return [view.state(station_id) for station_id in ("g", "l", "o", "never seen")]


def test_stations_of_the_newest_poll_are_in_their_states() -> None:
    assert states(view(small_city())) == [State.EMPTY, State.NORMAL, State.NORMAL, State.UNKNOWN]


def test_a_station_that_the_newest_poll_did_not_see_is_unknown() -> None:
    live = small_city()
    live.load([status("g", 0, 10), status("l", 5, 9, POLL - minutes(1)), status("o", 4, 12)], [], NOW)
    assert states(view(live)) == [State.EMPTY, State.UNKNOWN, State.NORMAL, State.UNKNOWN]


def test_after_a_poll_that_saw_no_station_all_are_unknown() -> None:
    live = small_city()
    live.load(live.statuses.values(), [feed("station_status", polled_at=NOW)], NOW)
    assert states(view(live)) == [State.UNKNOWN] * 4


def test_an_unseen_station_that_was_closed_stays_closed() -> None:
    live = small_city()
    closed = status("l", 5, 9, POLL - minutes(1), is_renting=False, is_returning=False)
    live.load([status("g", 0, 10), closed], [], NOW)
    assert view(live).state("l") is State.CLOSED


def test_states_are_unknown_once_the_newest_poll_is_too_old() -> None:
    assert states(view(small_city(), EXPIRY - timedelta(milliseconds=1)))[:3] == [
        State.EMPTY,
        State.NORMAL,
        State.NORMAL,
    ]
    assert states(view(small_city(), EXPIRY)) == [State.UNKNOWN] * 4


def test_an_old_status_keeps_its_counts_and_its_time() -> None:
    assert view(small_city(), EXPIRY).status("l") == StationStatus(
        state=State.UNKNOWN,
        bikes=5,
        docks=9,
        bikes_disabled=1,
        docks_disabled=None,
        is_installed=True,
        is_renting=True,
        is_returning=True,
        polled_at=POLL,
        last_reported=None,
    )
    assert view(small_city()).status("never seen") is None


@pytest.mark.parametrize(("now", "is_stale"), [(NOW, False), (EXPIRY - minutes(0.01), False), (EXPIRY, True)])
def test_a_system_is_stale_once_its_newest_poll_is_too_old(now: datetime, is_stale: bool) -> None:
    assert view(small_city(), now).is_stale() is is_stale


def test_fetches_that_observed_nothing_do_not_keep_a_system_fresh() -> None:
    live = small_city()
    unreachable = feed("station_status", FeedState.UNREACHABLE, EXPIRY)
    live.load(live.statuses.values(), [unreachable], EXPIRY)
    assert view(live, EXPIRY).is_stale() is True


def test_a_system_never_polled_is_stale() -> None:
    assert view(LiveSystem()).is_stale() is True
