"""The relay: it starts from anything, survives anything, and tells what it refused."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from backend import relay as relay_module
from backend.live import LiveTable
from backend.relay import Relay
from backend.seen_capacity import SeenCapacity
from backend.telemetry import Telemetry
from pipeline.model import Topic, encode
from pipeline.ports import LogRecord, Row
from pipeline.settings import Settings
from pipeline.tables import STATION_CAPACITY
from pipeline.wiring import open_log, open_store
from tests.live_server import Poller, settings_in
from tests.small_city import SYSTEM, status


class Running:
    """A relay that runs, and its table."""

    def __init__(self, settings: Settings) -> None:
        self.table = LiveTable()
        self.telemetry = Telemetry(self.table)
        self.log, self.store = open_log(settings.log), open_store(settings.store)
        self.relay = Relay(self.table, self.log, self.store, lambda: datetime.now(UTC), self.telemetry)

    def bikes(self) -> dict[str, int | None]:
        system = self.table.systems.get(SYSTEM)
        return {} if system is None else {name: status.bikes for name, status in system.statuses.items()}

    async def until(self, look: Callable[[], object], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not look():  # noqa: ASYNC110  # the relay has no event for everything
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    found = Running(settings)
    async with found.log, found.store:
        task = asyncio.create_task(found.relay.run())
        try:
            yield found
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_it_starts_before_anything_exists_and_shows_what_comes(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path / "new"))
    async with running(poller.settings) as found:
        await found.until(found.table.current.is_set)
        assert found.table.systems == {}
        await poller.begin()
        await found.until(lambda: found.bikes() == {"a": 1, "b": 5})


async def test_it_wakes_who_waits_within_300_ms_of_a_publish(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    async with running(poller.settings) as found:
        await found.until(found.table.current.is_set)
        waiting = asyncio.create_task(found.table.systems[SYSTEM].changed.wait())
        await poller.poll(a=2, b=5)
        published = time.monotonic()
        await asyncio.wait_for(waiting, 5)
        assert time.monotonic() - published < 0.3


async def test_a_record_that_does_not_decode_is_counted_and_named_and_the_rest_applied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    later = status("a", 7, 3, poller.polled_at + timedelta(seconds=1))
    async with open_log(poller.settings.log) as log:
        bad = LogRecord(Topic.STATION_STATUS, "brest/b", b'{"bikes": "many"}')
        await log.publish(SYSTEM, [bad, LogRecord(Topic.STATION_STATUS, later.key, encode(later))])
    with caplog.at_level(logging.WARNING):
        async with running(poller.settings) as found:
            await found.until(lambda: found.bikes() == {"a": 7, "b": 5})
            metrics = generate_latest(found.telemetry.registry).decode()
    assert 'bikewire_records_refused_total{topic="station_status"} 1.0' in metrics
    (line,) = [record.getMessage() for record in caplog.records if record.name == "backend.relay"]
    assert line.startswith("relay: refused the record 'brest/b' at station_status/0 offset ")


async def test_a_log_that_can_not_be_read_is_tried_again_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_DELAY_SECONDS", 0.05)
    folder = tmp_path / "data"
    folder.write_text("a file where a folder should be")
    poller = Poller(Settings.read(data=folder))
    async with running(poller.settings) as found:
        await found.until(lambda: found.relay.failure)
        assert str(folder) in str(found.relay.failure)
        folder.unlink()
        await poller.begin()
        await found.until(lambda: found.bikes() == {"a": 1, "b": 5})
        assert found.relay.failure is None


async def test_a_backlog_does_not_hold_up_the_others(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    names = [f"s{number}" for number in range(500)]
    for bikes in range(20):
        await poller.poll(changed=names, **dict.fromkeys(names, bikes))
    longest = 0.0
    # As the server does: what the tests left behind is not the relay's to look through.
    gc.collect()
    gc.freeze()
    async with running(poller.settings) as found:
        while not found.table.current.is_set():
            # CPU time of the loop's thread: the machine may be busy with something else.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
        assert found.bikes()["s499"] == 19
    gc.unfreeze()
    # A publish is applied in one piece; everything else comes in slices.
    assert longest < 0.1


async def test_it_says_so_when_the_log_goes_on_and_nothing_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(relay_module, "STUCK_SECONDS", 0.1)
    monkeypatch.setattr(relay_module, "FIRST_DELAY_SECONDS", 0.05)
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    async with running(poller.settings) as found:
        await found.until(found.table.current.is_set)
        # As if the subscription had lost these records without a word.
        found.table.positions = dict.fromkeys(found.table.positions, 0)
        await found.until(lambda: found.telemetry.registry.get_sample_value("bikewire_relay_restarts_total"))
        await found.until(lambda: sum(found.table.positions.values()) > 0)


async def test_it_comes_back_from_what_nobody_foresaw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "FIRST_DELAY_SECONDS", 0.05)
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    async with running(poller.settings) as found:
        await found.until(found.table.current.is_set)
        # The sweep trips over something that is no system.
        found.table.systems["broken"] = None  # type: ignore[assignment]  # as a bug of ours might
        await found.until(lambda: found.relay.failure)
        assert str(found.relay.failure).startswith("The relay failed: AttributeError(")
        del found.table.systems["broken"]
        await found.until(lambda: not found.relay.failure)
        await poller.poll(a=9, b=5)
        await found.until(lambda: found.bikes() == {"a": 9, "b": 5})


async def test_it_reads_the_observed_capacities_again_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "CAPACITY_SECONDS", 0.05)
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    async with running(poller.settings) as found:
        await found.until(found.bikes)
        row: Row = {"system_id": SYSTEM, "station_id": "a", "capacity_observed": 12, "date": poller.polled_at.date()}
        await found.store.write({STATION_CAPACITY: [row]})
        await found.until(lambda: found.table.systems[SYSTEM].capacities == {"a": SeenCapacity(12)})


async def test_a_store_that_fails_later_is_counted_and_the_live_state_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "CAPACITY_SECONDS", 0.05)
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    async with running(poller.settings) as found:
        await found.until(found.bikes)
        with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
            connection.execute("DROP TABLE station_capacity")
        errors = "bikewire_store_errors_total"
        await found.until(lambda: found.telemetry.registry.get_sample_value(errors))
        await poller.poll(a=9, b=5)
        await found.until(lambda: found.bikes() == {"a": 9, "b": 5})
