from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.gbfs_model import Feed, Link
from pipeline.model import FeedState, FeedStatus
from pipeline.reading import Fetch
from pipeline.schedule import Schedule, backoff_seconds
from tests.gbfs_documents import NOON

STATUS = Link(Feed.STATION_STATUS, "https://example.org/station_status.json")
VEHICLES = Link(Feed.VEHICLE_STATUS, "https://example.org/vehicle_status.json")
STATIONS = Link(Feed.STATION_INFORMATION, "https://example.org/station_information.json")

INTERVALS = {
    Feed.DISCOVERY: 3600.0,
    Feed.SYSTEM_INFORMATION: 3600.0,
    Feed.STATION_INFORMATION: 1800.0,
    Feed.STATION_STATUS: 60.0,
    Feed.VEHICLE_STATUS: 90.0,
}


def schedule(*links: Link, intervals: Mapping[Feed, float] = INTERVALS) -> Schedule:
    made = Schedule("https://example.org/gbfs.json", 60.0, lambda feed: intervals[feed])
    made.set_links(links)
    return made


def status(state: FeedState) -> FeedStatus:
    return FeedStatus(
        system_id="harbour",
        polled_at=NOON,
        feed="",
        state=state,
        is_observing=False,
        interval_seconds=60,
        hold_seconds=180,
    )


def fetch(made: Schedule, tick: float, state: FeedState = FeedState.OK, retry_after: float | None = None) -> set[Feed]:
    """Fetch what is due; the declarations are always well."""
    due = made.due(tick)
    fetches = {feed: Fetch(retry_after_seconds=retry_after) for feed in due}
    realtime = (Feed.STATION_STATUS, Feed.VEHICLE_STATUS)
    made.fetched(tick, fetches, {feed: status(state if feed in realtime else FeedState.OK) for feed in due})
    return set(due)


def test_everything_is_due_at_the_start() -> None:
    assert schedule(STATUS, STATIONS).due(0) == {
        Feed.DISCOVERY: "https://example.org/gbfs.json",
        Feed.STATION_STATUS: STATUS.url,
        Feed.STATION_INFORMATION: STATIONS.url,
    }


def test_each_feed_is_due_by_its_own_interval_on_the_common_grid() -> None:
    made = schedule(STATUS, VEHICLES, STATIONS)

    due = {tick: fetch(made, tick) for tick in range(0, 1801, 60)}

    assert due[60] == {Feed.STATION_STATUS}
    assert due[120] == {Feed.STATION_STATUS, Feed.VEHICLE_STATUS}
    assert due[1800] == {Feed.STATION_STATUS, Feed.VEHICLE_STATUS, Feed.STATION_INFORMATION}


@pytest.mark.parametrize(
    ("now", "tick"), [(1000.0, 1060.0), (1059.9, 1060.0), (1060.0, 1120.0), (1061.0, 1120.0), (1300.0, 1360.0)]
)
def test_the_grid_does_not_drift_and_leaves_out_what_went_by(now: float, tick: float) -> None:
    assert schedule(STATUS).next_tick(1000.0, now) == tick


def test_the_grid_is_that_of_the_fastest_realtime_feed() -> None:
    assert schedule(VEHICLES).tick_seconds == 90
    assert schedule(VEHICLES, STATUS).tick_seconds == 60
    assert schedule(STATIONS).tick_seconds == 60


@pytest.mark.parametrize(("failures", "seconds"), [(1, 60), (2, 120), (3, 240), (4, 300), (1000, 300)])
def test_pauses_double_up_to_five_minutes(failures: int, seconds: float) -> None:
    assert backoff_seconds(failures, 60) == seconds


def test_a_failing_feed_is_asked_less_often_until_it_answers() -> None:
    made = schedule(STATUS)
    asked = [tick for tick in range(0, 1200, 60) if Feed.STATION_STATUS in fetch(made, tick, FeedState.UNREACHABLE)]

    fetch(made, 1320, FeedState.STALE)

    assert asked == [0, 60, 180, 420, 720, 1020]
    assert Feed.STATION_STATUS in made.due(1380)


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    made = schedule(STATUS)
    fetch(made, 0, FeedState.UNREACHABLE, retry_after=500)

    assert Feed.STATION_STATUS not in made.due(480)
    assert Feed.STATION_STATUS in made.due(540)


def test_the_discovery_is_read_again_while_a_feed_fails() -> None:
    made = schedule(STATUS)
    fetch(made, 0)

    asked = [tick for tick in range(60, 1000, 60) if Feed.DISCOVERY in fetch(made, tick, FeedState.REFUSED)]

    assert asked == [300, 600, 900]


def test_a_feed_that_moved_is_due_at_once_and_one_that_is_gone_never() -> None:
    made = schedule(STATUS, VEHICLES)
    fetch(made, 0, FeedState.UNREACHABLE, retry_after=3600)
    moved = Link(Feed.STATION_STATUS, "https://example.org/new/station_status.json")

    made.set_links([moved])

    assert made.due(60) == {Feed.STATION_STATUS: moved.url}


def test_a_feed_that_stays_keeps_its_turn() -> None:
    made = schedule(STATUS)
    fetch(made, 0)

    made.set_links([STATUS])

    assert made.due(30) == {}


def test_what_was_lost_is_asked_for_again() -> None:
    made = schedule(STATUS, STATIONS)
    fetch(made, 0)

    made.repeat(0, [Feed.STATION_INFORMATION, Feed.VEHICLE_STATUS])

    assert set(made.due(60)) == {Feed.STATION_STATUS, Feed.STATION_INFORMATION}
