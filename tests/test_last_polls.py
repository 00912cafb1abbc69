from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline import last_polls as module
from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.gbfs_model import Feed
from pipeline.last_polls import LastPolls, last_polls
from pipeline.model import StationStatus, SystemInformation, Topic, VehicleStatus
from pipeline.observation import Observer, Published
from pipeline.ports import Log, LogRecord, Offsets
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.gbfs_documents import NOON, Json, body, station, status, statuses, system, vehicle

URL = "https://example.org/gbfs.json"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DECLARED = {
    Feed.SYSTEM_INFORMATION: Fetch(body=body(system())),
    Feed.STATION_INFORMATION: Fetch(body=body({"stations": [station("st_1"), station("st_2"), station("st_3")]})),
}


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with open_log(log_url) as opened:
        await opened.create(list(Topic))
        yield opened


class City:
    """A system whose polls go into a log."""

    def __init__(self, log: Log, system_id: str = "harbour", url: str = URL) -> None:
        self.observer = Observer(system_id, Settings(), feed_url=url)
        self._log = log

    async def poll(self, polled_at: datetime, *stations: Json, **fetches: Fetch) -> None:
        live = {Feed.STATION_STATUS: Fetch(body=body(statuses(*stations), polled_at))} if stations else {}
        observation = self.observer.observe(
            polled_at, {**live, **{Feed(name): fetch for name, fetch in fetches.items()}}
        )
        await self._log.publish(self.observer.system_id, observation.log_records())
        self.observer.keep(observation)

    async def declare(self, polled_at: datetime) -> None:
        await self.poll(polled_at, **{feed.value: fetch for feed, fetch in DECLARED.items()})


async def test_an_empty_log_holds_no_poll(log: Log) -> None:
    assert await last_polls(log, {URL}) == LastPolls({}, {})


async def test_the_last_poll_comes_back_as_it_was_published(log: Log) -> None:
    city = City(log)
    await city.declare(NOON)
    await city.poll(NOON + MINUTE, status("st_1"), status("st_2"))
    await city.poll(NOON + 2 * MINUTE, status("st_1", bikes=9))

    found = await last_polls(log, {URL})

    known = city.observer.published
    assert found.published == {
        "harbour": Published(stations_expected=3, statuses=known.statuses, polled_at=NOON + 2 * MINUTE)
    }
    assert {key: seen.polled_at for key, seen in known.statuses.items()} == {
        "st_1": NOON + 2 * MINUTE,
        "st_2": NOON + MINUTE,
    }
    assert found.system_of(URL) == known.system
    assert found.system_of("https://example.org/other.json") is None


async def test_after_a_restart_changes_are_set_against_the_last_published_poll(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, status("st_1"), status("st_2"), status("st_3"))
    await city.poll(NOON + MINUTE, status("st_1"), status("st_2"))

    found = await last_polls(log, {URL})
    restarted = Observer("harbour", Settings(), published=found.published["harbour"])
    sent = Fetch(body=body(statuses(status("st_1"), status("st_2", bikes=9), status("st_3")), NOON + 9 * MINUTE))
    observation = restarted.observe(NOON + 9 * MINUTE, {Feed.STATION_STATUS: sent})

    records = [record for record in observation.records if isinstance(record, StationStatus)]
    assert {record.station_id: (record.changed, record.seen_before) for record in records} == {
        "st_1": (False, NOON + MINUTE),
        "st_2": (True, NOON + MINUTE),
        "st_3": (True, NOON),
    }


async def test_polls_that_observed_nothing_are_passed_over(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, status("st_1"))
    for minute in range(1, 5):
        await city.poll(NOON + minute * MINUTE, station_status=Fetch(failure="No answer."))

    found = await last_polls(log, {URL})

    assert found.published["harbour"].polled_at == NOON
    assert set(found.published["harbour"].statuses) == {"st_1"}


async def test_an_older_poll_that_was_replayed_later_is_not_the_last(log: Log) -> None:
    await City(log).poll(NOON, status("st_1", bikes=5))
    replayed = City(log, url="https://example.org/replayed.json")
    await replayed.poll(NOON - timedelta(days=200), status("st_1", bikes=1))

    found = await last_polls(log, {URL})

    assert found.published["harbour"].polled_at == NOON
    assert found.published["harbour"].statuses["st_1"].bikes == 5
    assert found.systems["harbour"].feed_url == URL


async def test_each_system_has_its_own_last_poll(log: Log) -> None:
    other = "https://example.org/other.json"
    await City(log).poll(NOON, status("st_1"))
    await City(log, "other", other).poll(NOON + MINUTE, status("st_1", bikes=8), status("st_2"))

    found = await last_polls(log, {URL, other})

    assert {key: (one.polled_at, set(one.statuses)) for key, one in found.published.items()} == {
        "harbour": (NOON, {"st_1"}),
        "other": (NOON + MINUTE, {"st_1", "st_2"}),
    }
    assert found.system_of(other) == found.systems["other"]


async def test_a_poll_without_stations_is_a_last_poll_too(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, station_status=Fetch(body=body(statuses())))

    assert (await last_polls(log, {URL})).published == {"harbour": Published(polled_at=NOON)}


async def test_a_url_of_two_systems_names_neither(log: Log) -> None:
    await City(log).poll(NOON, status("st_1"))
    await City(log, "other").poll(NOON, status("st_1"))

    assert (await last_polls(log, {URL})).system_of(URL) is None


async def test_a_record_that_can_not_be_read_is_left_out(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    await City(log).poll(NOON, status("st_1"))
    await log.publish("harbour", [LogRecord(Topic.SYSTEM_INFORMATION, "harbour", b"{}")])

    found = await last_polls(log, {URL})

    assert set(found.published) == {"harbour"}
    assert "the record can't be read" in caplog.text


async def test_totals_after_the_last_poll_do_not_hide_it(log: Log) -> None:
    await City(log).poll(NOON, status("st_1"))
    await log.publish("harbour", [LogRecord(Topic.NETWORK_STATUS, "harbour", b"{}")])

    found = await last_polls(log, {URL})

    assert found.published["harbour"].polled_at == NOON
    assert isinstance(found.systems["harbour"], SystemInformation)
    assert msgspec.structs.asdict(found.systems["harbour"])["feed_url"] == URL


async def test_a_last_poll_with_an_unreadable_record_gives_the_others(log: Log) -> None:
    observer = Observer("harbour", Settings(), feed_url=URL)
    sent = Fetch(body=body(statuses(status("st_1"), status("st_2")), NOON))
    records = observer.observe(NOON, {Feed.STATION_STATUS: sent}).log_records()
    broken = [record._replace(value=b"{}") if record.key == "harbour/st_1" else record for record in records]
    await log.publish("harbour", broken)

    found = await last_polls(log, {URL})

    assert set(found.published["harbour"].statuses) == {"st_2"}


def bikes(polled_at: datetime, *vehicles: Json) -> Fetch:
    return Fetch(body=body({"bikes": vehicles}, polled_at))


async def test_after_a_restart_vehicles_still_stand_where_they_stood(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, status("st_1"), vehicle_status=bikes(NOON, vehicle("a"), vehicle("gone")))
    second = NOON + MINUTE
    seen = [vehicle("a"), vehicle("b"), vehicle("docked", station_id="st_1"), vehicle("taken", is_reserved=True)]
    await city.poll(second, status("st_1"), vehicle_status=bikes(second, *seen))
    await city.poll(second + MINUTE, status("st_1"), vehicle_status=Fetch(failure="No answer."))

    (found,) = (await last_polls(log, {URL})).published.values()

    assert found.parked == city.observer.published.parked
    assert {key: parked.since for key, parked in found.parked.items()} == {"a": NOON, "b": second}
    assert found.polled_at == second + MINUTE
    restarted = Observer("harbour", Settings(), published=found)
    later = NOON + timedelta(hours=9)
    observation = restarted.observe(later, {Feed.VEHICLE_STATUS: bikes(later, vehicle("a"), vehicle("gone"))})
    since = {one.vehicle_id: one.still_since for one in observation.records if isinstance(one, VehicleStatus)}
    assert since == {"a": NOON, "gone": later}


async def test_a_last_poll_that_found_no_vehicles_leaves_none_standing(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, status("st_1"), vehicle_status=bikes(NOON, vehicle("a")))
    await city.poll(NOON + MINUTE, status("st_1"), vehicle_status=bikes(NOON + MINUTE))

    assert (await last_polls(log, {URL})).published["harbour"].parked == {}


async def test_a_system_of_vehicles_alone_has_a_last_poll(log: Log) -> None:
    city = City(log)
    await city.poll(NOON, vehicle_status=bikes(NOON, vehicle("a")))

    (found,) = (await last_polls(log, {URL})).published.values()

    assert found == Published(parked=city.observer.published.parked)


async def test_the_vehicles_of_many_systems_are_their_own(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    cities = [City(log, name, f"https://example.org/{name}.json") for name in ("north", "south", "west")]
    for minute in range(2):
        for number, city in enumerate(cities):
            polled_at = NOON + (minute + number) * MINUTE
            await city.poll(polled_at, status("st_1"), vehicle_status=bikes(polled_at, vehicle("a"), vehicle("b")))
    known = {city.observer.system_id: city.observer.published.parked for city in cities}

    for span in (timedelta(minutes=1), timedelta(0)):  # read at one go, and each by itself
        monkeypatch.setattr(module, "PUBLISH_SPAN", span)
        found = await last_polls(log, {URL})
        assert {key: one.parked for key, one in found.published.items()} == known


async def test_vehicles_that_were_not_seen_for_hours_are_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    async with SqliteLog(str(path)) as log:
        await log.create(list(Topic))
        city = City(log)
        await city.poll(NOON, status("st_1"), vehicle_status=bikes(NOON, vehicle("a")))
        with closing(sqlite3.connect(path)) as connection, connection:
            for table in ("record", "publish", "sequence"):
                connection.execute(f"UPDATE {table} SET appended_at = appended_at - {3 * 3600 * 1_000_000}")
        await city.poll(NOON + 3 * HOUR, status("st_1"), vehicle_status=Fetch(failure="No answer."))

        found = await last_polls(log, {URL})

    assert found.published["harbour"].polled_at == NOON + 3 * HOUR
    assert set(found.published["harbour"].parked) == {"a"}


class MarkingLog(SqliteLog):
    """A log whose ends lie beyond the last record, as where an engine appends markers of its own."""

    async def end_offsets(self, topics: Sequence[str]) -> Offsets:
        return {part: offset + 1 for part, offset in (await super().end_offsets(topics)).items()}


async def test_a_log_that_falls_silent_has_been_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.2)
    async with MarkingLog(str(tmp_path / "log.sqlite")) as log:
        await log.create(list(Topic))
        await City(log).poll(NOON, status("st_1"))

        found = await last_polls(log, {URL})

    assert set(found.published["harbour"].statuses) == {"st_1"}


async def test_other_systems_polls_around_the_last_one_are_not_mixed_in(log: Log) -> None:
    city, other = City(log), City(log, "other", "https://example.org/other.json")
    await other.poll(NOON, status("st_1", bikes=1), status("st_9"))
    await city.poll(NOON, status("st_1", bikes=5))
    await other.poll(NOON + MINUTE, status("st_1", bikes=2))

    found = await last_polls(log, {URL})

    assert {key: seen.bikes for key, seen in found.published["harbour"].statuses.items()} == {"st_1": 5}
