"""The live table: newest wins, whole publishes, and what counts as a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from backend.live import ALWAYS, NEVER, Applied, LiveSystem
from pipeline.model import FeedState, Record, StationStatus, Topic
from pipeline.ports import TopicPartition
from tests.small_city import HOLD, NOW, POLL, feed, information, minutes, network, status, vehicle

STATUS = TopicPartition(Topic.STATION_STATUS, 0)
FEED = TopicPartition(Topic.FEED_STATUS, 0)
NEXT = POLL + minutes(1)


def publish(system: LiveSystem, offset: int, *records: Record, now: datetime = NOW) -> bool:
    """Apply the records at ``offset`` and after, as the relay does."""
    return system.apply([_applied(offset + place, record) for place, record in enumerate(records)], now)


def _applied(offset: int, record: Record) -> Applied:
    topics = {"FeedStatus": FEED, "StationInformation": TopicPartition(Topic.STATION_INFORMATION, 0)}
    return Applied(topics.get(type(record).__name__, STATUS), offset, record)


def first_poll() -> LiveSystem:
    """Two stations, seen once, at offsets 0 to 3; the sequence is 1."""
    system = LiveSystem()
    stations: Sequence[Record] = [information("a", "A", 48.0, -4.0), information("b", "B", 48.0, -4.0)]
    publish(system, 0, *stations, status("a", 1, 9), status("b", 5, 5))
    return system


def unchanged(station_id: str, bikes: int, docks: int, polled_at: datetime = NEXT) -> StationStatus:
    return status(station_id, bikes, docks, polled_at, changed=False)


def test_only_the_stations_that_changed_are_told() -> None:
    system = first_poll()
    assert publish(system, 4, status("a", 2, 8, NEXT), unchanged("b", 5, 5))
    assert (system.sequence, system.since(1), system.since(0), system.since(2)) == (2, ["a"], ["b", "a"], [])


def test_a_poll_in_which_nothing_changed_is_news_without_stations() -> None:
    system = first_poll()
    assert publish(system, 4, unchanged("a", 1, 9), unchanged("b", 5, 5))
    assert (system.sequence, system.since(1), system.polled_at) == (2, [], NEXT)


def test_an_older_poll_never_wins() -> None:
    system = first_poll()
    assert not publish(system, 4, status("a", 9, 1, POLL - minutes(1)))
    assert (system.statuses["a"].bikes, system.polled_at, system.since(1)) == (1, POLL, [])


def test_the_same_poll_twice_changes_nothing() -> None:
    system = first_poll()
    assert not publish(system, 4, status("a", 1, 9), status("b", 5, 5))
    assert (system.sequence, system.since_offsets({STATUS: 4, _information(): 4}, NOW)) == (1, set())


def test_a_station_that_the_newest_poll_did_not_see_has_changed() -> None:
    system = first_poll()
    publish(system, 4, unchanged("b", 5, 5))
    assert (system.since(1), system.expired) == (["a"], {"a": NEVER})
    publish(system, 5, unchanged("b", 5, 5, NEXT + minutes(1)))
    assert system.since(2) == []


def test_an_observing_poll_without_stations_makes_all_unknown() -> None:
    system = first_poll()
    publish(system, 4, feed("station_status", polled_at=NEXT))
    assert (system.since(1), system.polled_at) == (["a", "b"], NEXT)
    assert system.since_offsets({STATUS: 4, FEED: 4, _information(): 4}, NOW) == {"a", "b"}


def test_a_poll_that_failed_is_no_news_of_the_stations() -> None:
    system = first_poll()
    assert not publish(system, 4, feed("station_status", FeedState.UNREACHABLE, NEXT))
    assert (system.polled_at, system.feeds["station_status"].state) == (POLL, FeedState.UNREACHABLE)


def test_observations_that_became_too_old_are_told_once() -> None:
    system = first_poll()
    end = POLL + timedelta(seconds=HOLD)
    assert not system.sweep(end - timedelta(milliseconds=1))
    assert system.sweep(end)
    assert (system.since(1), system.sweep(end + minutes(1))) == (["a", "b"], False)


def test_the_same_counts_after_a_gap_are_a_change() -> None:
    system = first_poll()
    later = POLL + minutes(10)
    system.sweep(later)
    publish(system, 4, status("a", 1, 9, later, changed=False, seen_before=POLL), now=later)
    assert (system.since(2), "a" in system.expired) == (["a"], False)


def test_a_station_that_is_known_again_can_become_too_old_again() -> None:
    system = first_poll()
    later = POLL + minutes(10)
    system.sweep(later)
    publish(system, 4, status("a", 2, 8, later), status("b", 5, 5, later, changed=False), now=later)
    assert (system.expired, system.since(2)) == ({}, ["a", "b"])
    assert system.sweep(later + timedelta(seconds=HOLD))
    assert system.since(3) == ["a", "b"]


def test_the_log_read_again_tells_what_changed_and_leaves_what_the_store_knows_newer() -> None:
    system = LiveSystem(stations={"a": _at(information("a", "New", 48.0, -4.0), NEXT)})  # type: ignore[dict-item]
    system.load([status("a", 3, 7, NEXT)], [], NOW)
    publish(system, 4, information("a", "Old", 48.0, -4.0), status("a", 2, 8))
    assert (system.statuses["a"].bikes, system.stations["a"].name, system.since(0)) == (3, "New", [])
    assert system.since_offsets({STATUS: 5, _information(): 4}, NOW) == {"a"}
    assert system.since_offsets({STATUS: 6, _information(): 5}, NOW) == set()


def test_a_vehicle_of_an_older_poll_is_left_out() -> None:
    system = LiveSystem()
    publish(system, 0, _at(vehicle("v1"), NEXT))
    publish(system, 1, vehicle("v2"))
    assert list(system.vehicles) == ["v1"]


def test_what_became_too_old_while_nobody_served_is_told_to_who_was_there_before() -> None:
    system = LiveSystem()
    system.load([status("a", 1, 9)], [], POLL + minutes(10))
    expiry = POLL + timedelta(seconds=HOLD)
    assert system.since_offsets({}, expiry - minutes(1)) == {"a"}
    assert system.since_offsets({}, expiry) == set()


def test_a_kept_station_that_its_newest_poll_did_not_see_is_told_to_everyone() -> None:
    system = LiveSystem()
    system.load([status("a", 1, 9), status("b", 5, 5, NEXT)], [], NOW + minutes(1))
    assert system.expired == {"a": ALWAYS}
    assert system.since_offsets({}, NOW + minutes(1)) == {"a"}


def test_a_station_declared_anew_as_before_has_not_changed() -> None:
    system = first_poll()
    known = information("a", "A", 48.0, -4.0)
    assert not publish(system, 4, _at(known, NEXT))
    assert publish(system, 5, _at(information("a", "New", 48.0, -4.0), NEXT + minutes(1)))
    assert (system.since(1), system.stations["a"].name) == (["a"], "New")


def test_vehicles_are_those_of_the_newest_poll_of_their_feed() -> None:
    system = LiveSystem()
    publish(system, 0, vehicle("v1"), vehicle("v2"))
    publish(system, 2, _at(vehicle("v3"), NEXT))
    assert list(system.vehicles) == ["v3"]
    publish(system, 3, feed("vehicle_status", polled_at=NEXT + minutes(1)))
    assert system.vehicles == {}


def test_the_network_keeps_its_newest_totals() -> None:
    system = LiveSystem()
    publish(system, 0, network(NEXT, bikes=7))
    publish(system, 1, network(POLL, bikes=9))
    assert system.network == network(NEXT, bikes=7)


def _information() -> TopicPartition:
    return TopicPartition(Topic.STATION_INFORMATION, 0)


def _at(record: Record, polled_at: datetime) -> Record:
    from msgspec.structs import replace

    return replace(record, polled_at=polled_at)
