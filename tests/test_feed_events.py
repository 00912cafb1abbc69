from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from pipeline.feed_events import FeedEvents
from pipeline.gbfs_model import Feed
from pipeline.observation import Observer
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, body, status, statuses, vehicle

GOOD = Fetch(body=body(statuses(status("st_1"), status("st_2"))))
LATER = Fetch(body=body(statuses(status("st_1"), status("st_2")), NOON + timedelta(seconds=30)))
ODD = Fetch(body=body(statuses(status("st_1", bikes=-1), status("st_2", docks=-1))))
DOWN = Fetch(failure="The server answered 500 Internal Server Error.")


class Said:
    """What is logged about one system's polls."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog
        self._observer = Observer("harbour", Settings())
        self._events = FeedEvents("harbour")

    def about(self, **fetches: Fetch) -> list[str]:
        self._caplog.clear()
        observation = self._observer.observe(NOON, {Feed(name): fetch for name, fetch in fetches.items()})
        self._observer.keep(observation)
        self._events.note(observation, 0.125)
        return [record.getMessage() for record in self._caplog.records]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Said:
    return Said(caplog)


def test_a_quiet_poll_is_one_line(said: Said) -> None:
    vehicles = Fetch(body=body({"bikes": [vehicle("v_1")]}))

    assert said.about(station_status=GOOD) == ["harbour: 2 stations, 2 changed, 0.12 s"]
    assert said.about(station_status=GOOD, vehicle_status=vehicles) == [
        "harbour: 2 stations, 0 changed, 1 vehicles, 0.12 s"
    ]


def test_a_feed_that_fails_is_named_once_and_again_when_it_is_back(said: Said) -> None:
    assert said.about(station_status=DOWN) == [
        "harbour station_status: unreachable. The server answered 500 Internal Server Error.",
        "harbour: nothing observed, 0.12 s",
    ]
    assert said.about(station_status=DOWN) == ["harbour: nothing observed, 0.12 s"]
    assert said.about(station_status=GOOD) == [
        "harbour station_status: observes again after 2 polls",
        "harbour: 2 stations, 2 changed, 0.12 s",
    ]


def test_another_kind_of_failure_is_named_too(said: Said) -> None:
    said.about(station_status=DOWN)

    assert said.about(station_status=Fetch(body=b""))[0] == "harbour station_status: refused. The body is empty."


def test_deviations_are_named_when_their_kinds_change(said: Said) -> None:
    assert said.about(station_status=ODD) == [
        "harbour station_status: deviations: 2 count_range. station_status st_1: num_bikes_available is -1;"
        " a count is not negative; taken as unknown.",
        "harbour: 2 stations, 2 changed, 0.12 s",
    ]
    assert said.about(station_status=ODD) == ["harbour: 2 stations, 0 changed, 0.12 s"]
    assert said.about(station_status=LATER)[0] == "harbour station_status: deviations: none any more"
