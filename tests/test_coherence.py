"""Documents that contradict the clock, themselves, the one before or the system's others."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline.coherence import Declared, gone_or_back, odd_after, odd_beside, odd_in_itself
from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs_model import Document, Feed, Status, Vehicle
from pipeline.model import StationStatus
from tests.gbfs_documents import NOON

MINUTE = timedelta(minutes=1)


def status(station_id: str, docks: int | None = 7, last_reported: datetime | None = NOON) -> Status:
    return Status(station_id, 3, docks, None, None, True, True, True, last_reported)


def sent(
    *entities: Status | Vehicle,
    feed: Feed = Feed.STATION_STATUS,
    last_updated: datetime | None = NOON,
    ttl: float | None = 60.0,
    version: str = "2.3",
) -> Document[Status | Vehicle]:
    return Document(feed, last_updated, ttl, entities, version=version)


@pytest.mark.parametrize(
    ("feed", "ttl", "values"),
    [
        (Feed.STATION_STATUS, 60.0, []),
        (Feed.STATION_STATUS, None, []),
        (Feed.STATION_STATUS, 0.0, ["0"]),
        (Feed.STATION_STATUS, 21600.0, ["21600"]),
        (Feed.STATION_INFORMATION, 21600.0, []),
        (Feed.STATION_INFORMATION, 0.0, ["0"]),
    ],
)
def test_a_ttl_says_when_to_ask_again(feed: Feed, ttl: float | None, values: list[str]) -> None:
    expected = [Deviation(feed, "", "ttl", value, Rule.TTL, Action.ASSUMED) for value in values]

    assert list(odd_in_itself(sent(feed=feed, ttl=ttl), NOON)) == expected


def test_times_of_document_station_and_vehicle_are_not_in_the_future() -> None:
    later = NOON + 2 * MINUTE
    vehicle = Vehicle("v", 48.0, -4.0, None, False, False, None, None, None, later)

    stations = odd_in_itself(sent(status("1", last_reported=later), status("2"), last_updated=later), NOON)
    vehicles = odd_in_itself(sent(vehicle, feed=Feed.VEHICLE_STATUS), NOON)

    assert [(noted.entity, noted.field, noted.rule) for noted in [*stations, *vehicles]] == [
        ("", "last_updated", Rule.TIME_NOT_AHEAD),
        ("1", "last_reported", Rule.TIME_NOT_AHEAD),
        ("v", "last_reported", Rule.TIME_NOT_AHEAD),
    ]
    assert list(odd_in_itself(sent(last_updated=NOON + MINUTE), NOON)) == []


@pytest.mark.parametrize(("stations", "noted"), [(9, 0), (10, 1)])
def test_many_stations_do_not_report_in_the_same_second(stations: int, noted: int) -> None:
    same = sent(*(status(str(number)) for number in range(stations)))
    own = sent(*(status(str(number), last_reported=NOON - number * MINUTE) for number in range(stations)))
    none = sent(*(status(str(number), last_reported=None) for number in range(stations)))

    assert [one.rule for one in odd_in_itself(same, NOON)] == [Rule.TIME_OF_STATION] * noted
    assert list(odd_in_itself(own, NOON)) == list(odd_in_itself(none, NOON)) == []


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        (None, sent(), []),
        (sent(), sent(), []),
        (sent(), sent(last_updated=NOON + MINUTE), []),
        (sent(), sent(last_updated=NOON - MINUTE), [Rule.TIME_FORWARD]),
        (sent(), sent(status("1")), [Rule.TIME_MOVES]),
        (sent(last_updated=None), sent(status("1"), last_updated=None), []),
        (sent(), sent(version="3.0"), [Rule.VERSION_STABLE]),
    ],
)
def test_a_document_goes_on_from_the_one_before(
    before: Document[Status] | None, after: Document[Status], rules: list[Rule]
) -> None:
    assert [noted.rule for noted in odd_after(before, after)] == rules


def test_the_same_document_again_is_in_order() -> None:
    document = sent(version="2.3")

    assert list(odd_after(document, document)) == []


def test_status_and_declared_stations_are_the_same() -> None:
    declared = Declared(frozenset("1234"), frozenset("2"))

    found = odd_beside(
        Document(Feed.STATION_STATUS, NOON, 60.0, (status("1", None), status("2", None), status("9"))), declared
    )

    assert [noted.sentence for noted in found] == [
        "station_status 1: num_docks_available is None; a station that is not virtual says how many docks are free;"
        " taken as unknown.",
        "station_status 9: the station; station_information declares every station of station_status; kept.",
        "station_status 3: the status; station_status tells of every declared station; taken as unknown.",
        "station_status 4: the status; station_status tells of every declared station; taken as unknown.",
    ]


def test_docks_that_could_not_be_read_are_not_named_twice() -> None:
    unread = Deviation("station_status", "1", "num_docks_available", "-1", Rule.COUNT_RANGE, Action.UNKNOWN)

    assert list(odd_beside(Document(Feed.STATION_STATUS, NOON, 60.0, (status("1", None),), (unread,)), None)) == []


def seen(station_id: str, polled_at: datetime) -> StationStatus:
    return StationStatus(
        system_id="harbour",
        polled_at=polled_at,
        station_id=station_id,
        bikes=3,
        docks=7,
        is_installed=True,
        is_renting=True,
        is_returning=True,
        changed=False,
        hold_seconds=180,
        stations_in_poll=3,
    )


def test_a_station_that_goes_and_one_that_comes_back_are_named_once() -> None:
    before = {"1": seen("1", NOON), "2": seen("2", NOON), "3": seen("3", NOON - MINUTE), "4": seen("4", NOON - MINUTE)}
    document = Document(Feed.STATION_STATUS, NOON, 60.0, (status("1"), status("3"), status("new")))

    assert [(noted.entity, noted.value) for noted in gone_or_back(document, before, NOON)] == [
        ("2", "the station, gone after 2026-03-02T12:00:00Z"),
        ("3", "the station, back after 2026-03-02T11:59:00Z"),
    ]
    assert list(gone_or_back(document, {}, None)) == []
