from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs_model import Feed
from pipeline.model import FeedState
from pipeline.reading import Fetch, Reader, Reading, interval_seconds
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, body, station, status, statuses

SETTINGS = Settings(min_poll_seconds=60, stale_seconds=300)
HALF_PAST = NOON + timedelta(seconds=30)
NO_SHIFT = timedelta(0)


def fetched(last_updated: datetime | None = NOON, ttl: object = 60) -> Fetch:
    return Fetch(body=body(statuses(status("st_1")), last_updated, ttl))


def read(fetch: Fetch, polled_at: datetime, reader: Reader | None = None) -> Reading:
    return (reader or Reader(SETTINGS)).read(Feed.STATION_STATUS, fetch, polled_at, NO_SHIFT)


@pytest.mark.parametrize(
    ("age_seconds", "ttl", "state"),
    [
        (0, 60, FeedState.OK),
        (300, 60, FeedState.OK),
        (301, 60, FeedState.STALE),
        (3600, 3600, FeedState.OK),
        (3601, 3600, FeedState.STALE),
        (301, None, FeedState.STALE),
        (-30, 60, FeedState.OK),
    ],
)
def test_a_document_observes_up_to_the_longer_of_its_ttl_and_the_setting(
    age_seconds: int, ttl: float | None, state: FeedState
) -> None:
    reading = read(fetched(ttl=ttl), NOON + timedelta(seconds=age_seconds))

    assert reading.state is state
    assert (reading.document is not None) == (state is FeedState.OK)


def test_a_stale_document_says_how_old_it_is() -> None:
    reading = read(fetched(), NOON + timedelta(seconds=400))

    assert reading == Reading(
        FeedState.STALE, None, "The document is 400 s old; more than 300 s is stale.", (), NOON, 60.0
    )


def test_a_document_without_last_updated_counts_as_fresh() -> None:
    reading = read(fetched(None), NOON + timedelta(days=1))

    assert reading.state is FeedState.OK
    assert [noted.rule for noted in reading.deviations] == [Rule.REQUIRED]


def test_declarations_are_taken_at_any_age() -> None:
    fetch = Fetch(body=body({"stations": [station("st_1")]}))

    reading = Reader(SETTINGS).read(Feed.STATION_INFORMATION, fetch, NOON + timedelta(days=9), NO_SHIFT)

    assert reading.state is FeedState.OK


def test_not_modified_observes_the_document_before_while_that_is_fresh() -> None:
    reader = Reader(SETTINGS)
    first = read(fetched(), NOON, reader)
    not_modified = Fetch(is_not_modified=True)

    again = read(not_modified, NOON + timedelta(seconds=60), reader)
    at_last = read(not_modified, NOON + timedelta(seconds=360), reader)

    assert (again.state, again.document) == (FeedState.NOT_MODIFIED, first.document)
    assert (at_last.state, at_last.document) == (FeedState.STALE, None)


def test_not_modified_means_nothing_without_a_document_before() -> None:
    reading = read(Fetch(is_not_modified=True), NOON)

    assert reading == Reading(FeedState.UNREACHABLE, None, "The server says not modified, but no document is known.")


def test_not_modified_after_a_refused_document_does_not_bring_back_an_older_one() -> None:
    reader = Reader(SETTINGS)
    read(fetched(), NOON, reader)

    assert read(Fetch(body=b"<html>"), NOON, reader).state is FeedState.REFUSED
    assert read(Fetch(is_not_modified=True), NOON, reader).state is FeedState.UNREACHABLE


def test_a_document_outlives_a_failed_fetch() -> None:
    reader = Reader(SETTINGS)
    read(fetched(), NOON, reader)

    assert read(Fetch(failure="No answer."), NOON, reader) == Reading(FeedState.UNREACHABLE, None, "No answer.")
    assert read(Fetch(is_not_modified=True), HALF_PAST, reader).state is FeedState.NOT_MODIFIED


def test_a_failure_may_be_an_answer_that_was_refused() -> None:
    reading = read(Fetch(failure="Too large.", state=FeedState.REFUSED), NOON)

    noted = Deviation("station_status", "", "", "Too large", Rule.BODY_SIZE, Action.REFUSED)
    assert reading == Reading(FeedState.REFUSED, None, "Too large.", (noted,))


def test_a_document_from_the_future_is_kept_and_noted() -> None:
    reading = read(fetched(), NOON - timedelta(minutes=5))

    assert reading.state is FeedState.OK
    assert [(noted.field, noted.rule, noted.action) for noted in reading.deviations] == [
        ("last_updated", Rule.TIME_NOT_AHEAD, Action.KEPT),
        ("last_reported", Rule.TIME_NOT_AHEAD, Action.KEPT),
    ]


def test_a_shift_moves_the_document_before_it_is_judged() -> None:
    later = NOON + timedelta(days=100)

    reading = Reader(SETTINGS).read(Feed.STATION_STATUS, fetched(), later, timedelta(days=100))

    assert (reading.state, reading.last_updated) == (FeedState.OK, later)


@pytest.mark.parametrize(
    ("feed", "ttl", "seconds"),
    [
        (Feed.STATION_STATUS, None, 60),
        (Feed.STATION_STATUS, 0, 60),
        (Feed.STATION_STATUS, 90, 90),
        (Feed.STATION_STATUS, 21600, 300),
        (Feed.VEHICLE_STATUS, 120, 120),
        (Feed.STATION_INFORMATION, 0, 300),
        (Feed.STATION_INFORMATION, 1800, 1800),
        (Feed.SYSTEM_INFORMATION, 86400, 3600),
        (Feed.DISCOVERY, 60, 300),
    ],
)
def test_a_feed_is_polled_by_its_ttl_within_bounds(feed: Feed, ttl: float | None, seconds: float) -> None:
    assert interval_seconds(feed, ttl, SETTINGS) == seconds


def test_a_long_floor_is_kept_even_beyond_the_bounds() -> None:
    assert interval_seconds(Feed.STATION_STATUS, 60, Settings(min_poll_seconds=900)) == 900


def test_the_interval_follows_the_newest_ttl() -> None:
    reader = Reader(SETTINGS)
    read(fetched(ttl=120), NOON, reader)

    assert reader.interval_seconds(Feed.STATION_STATUS) == 120
    assert reader.interval_seconds(Feed.VEHICLE_STATUS) == 60
