from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline import last_polls as module
from pipeline.adapters.sqlite_log import SqliteLog
from pipeline.gbfs_model import Feed
from pipeline.last_polls import LastPolls, last_polls
from pipeline.model import StationStatus, SystemInformation, Topic
from pipeline.observation import Observer, Published
from pipeline.ports import Log, LogRecord, Offsets
from pipeline.reading import Fetch
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.gbfs_documents import NOON, Json, body, station, status, statuses, system

URL = "https://example.org/gbfs.json"
MINUTE = timedelta(minutes=1)
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
