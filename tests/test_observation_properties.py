"""Whatever one system's server sends, poll after poll: records that can be read again, and never an exception."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.check import check_fetches
from pipeline.gbfs_model import Feed
from pipeline.model import FeedState, FeedStatus, StationStatus, decode
from pipeline.observation import Observer
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, body, station, status, statuses
from tests.test_gbfs_properties import JSON, WHOLE, mutated

MINUTE = timedelta(minutes=1)
UNHURRIED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

TIMES = st.sampled_from([None, 0, -1, 86400, 1e300, "2026-03-02T12:00:00.123456789Z", int(NOON.timestamp()), "x", True])
SENT = (
    mutated()
    | st.tuples(st.sampled_from(sorted(WHOLE)), st.binary(max_size=50))
    | st.sampled_from(sorted(WHOLE.items()))
    | st.tuples(
        st.sampled_from(sorted(WHOLE)),
        st.builds(
            lambda data, updated, ttl, version: json.dumps(
                {"last_updated": updated, "ttl": ttl, "version": version, "data": data}
            ).encode(),
            JSON | st.just({"stations": [status("good"), station("good")]}),
            TIMES,
            JSON,
            JSON | st.sampled_from(["1.0", "3.0"]),
        ),
    )
)
FETCHES = st.dictionaries(
    st.sampled_from(sorted(WHOLE)), st.just(Fetch(is_not_modified=True)) | st.just(Fetch(failure="Down.")), max_size=2
)


@UNHURRIED
@given(st.lists(st.tuples(st.lists(SENT, max_size=3), FETCHES), min_size=1, max_size=4))
def test_any_series_of_documents_becomes_records_with_keys(
    series: list[tuple[list[tuple[Feed, bytes]], dict[Feed, Fetch]]],
) -> None:
    observer = Observer("harbour", Settings())
    for number, (sent, others) in enumerate(series):
        fetches = {**others, **{feed: Fetch(body=text) for feed, text in sent}}
        observation = observer.observe(NOON + number * MINUTE, fetches)
        observer.keep(observation)

        assert set(observation.feeds) == set(fetches)
        for stored, record in zip(observation.log_records(), observation.records, strict=True):
            assert decode(stored.topic, stored.value) == record
            assert record.system_id == "harbour"
            assert record.key.removeprefix("harbour") not in ("/", "/ ")
        refused = [one for one in observation.feeds.values() if one.state in (FeedState.REFUSED, FeedState.UNREACHABLE)]
        assert all(one.reason and not one.is_observing for one in refused)


@UNHURRIED
@given(st.lists(SENT, max_size=4), st.lists(JSON, max_size=3))
def test_a_good_station_is_observed_after_anything_and_beside_anyone(
    before: list[tuple[Feed, bytes]], neighbours: list[object]
) -> None:
    observer = Observer("harbour", Settings())
    observer.keep(observer.observe(NOON - MINUTE, {feed: Fetch(body=text) for feed, text in before}))

    sent = body(statuses(*neighbours, status("st_good", 5, 6)))
    observation = observer.observe(NOON, {Feed.STATION_STATUS: Fetch(body=sent)})

    (found,) = [one for one in observation.records if isinstance(one, StationStatus) and one.station_id == "st_good"]
    (feed,) = [one for one in observation.records if isinstance(one, FeedStatus)]
    assert (found.bikes, found.docks, found.last_reported, feed.state) == (5, 6, NOON, FeedState.OK)


@UNHURRIED
@given(st.lists(SENT, min_size=1, max_size=4))
def test_anything_can_be_checked(sent: list[tuple[Feed, bytes]]) -> None:
    fetches = {feed: Fetch(body=text) for feed, text in sent}

    report = check_fetches("here", fetches, Settings(), NOON)

    assert {check.feed for check in report.feeds} == set(fetches)
