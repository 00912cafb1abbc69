"""Poller, stream and batch, killed at any moment again and again, leave what an undisturbed run leaves."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from pipeline.batch import compute_day
from pipeline.day_report import Outcome
from pipeline.model import FeedStatus, StationStatus, Topic
from pipeline.ports import Store
from pipeline.settings import Settings
from pipeline.tables import NETWORK_HISTORY, SYSTEM, TABLES
from pipeline.wiring import open_log, open_store
from tests.killing import Killed, Logged, Victim, content, in_lake, kill_often, logged
from tests.made_polls import MINUTE, START, log_records, poll
from tests.running import running, until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

SEED = 6
KILLS = {"poll": 38, "stream": 7, "batch": 7}
SYSTEMS = 2
LONGEST_SECONDS = 25.0
OLD_DAY = START.date()


@pytest.fixture
def feeds() -> Iterator[dict[str, str]]:
    """The discovery URLs of systems whose counts change twice a second, by system."""
    size = ("--systems", str(SYSTEMS), "--stations", "12", "--vehicles", "6")
    with running("simulate", "--port", "0", "--tick", "0.5", "--speed", "120", *size) as simulator:
        until(lambda: len(simulator.lines) >= SYSTEMS or None, 30, "the addresses")
        yield dict(line.split(" (")[0].split(": ") for line in simulator.lines[:SYSTEMS])


class OldNight:
    """Polls of an old night of one system, put into its log one by one, beside the live ones."""

    def __init__(self, settings: Settings, system_id: str) -> None:
        self._settings = settings
        self._system_id = system_id
        self.polls = 0

    def go_on(self) -> None:
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        made = poll(START + self.polls * MINUTE, {"a": (self.polls % 5, 5), "b": (3, 3)})
        made = [replace(record, system_id=self._system_id) for record in made]
        async with open_log(self._settings.log) as log:
            await log.publish(self._system_id, log_records(made))
        self.polls += 1


async def systems_in(settings: Settings) -> set[str]:
    """The systems that have introduced themselves."""
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        return {one.record.system_id for one in await logged(log) if one.topic == Topic.SYSTEM_INFORMATION}


def first_run(settings: Settings, feeds: dict[str, str]) -> float:
    """Let the first polls be computed in peace; how many seconds that took."""
    with running("poll", *feeds.values(), "--data", settings.data):
        until(lambda: asyncio.run(systems_in(settings)) == set(feeds) or None, 120, "the first polls")
    started = time.monotonic()
    catch_up(settings)
    return time.monotonic() - started


def kill_all_kinds(
    settings: Settings, feeds: dict[str, str], old_night: OldNight, folder: Path
) -> dict[str, list[Killed]]:
    """Kill poller, stream and batch side by side, each kind by a chance of its own."""
    data = ("--data", settings.data)
    chances = {kind: random.Random(f"{SEED} {kind}") for kind in KILLS}
    # So that they are killed before, in and after their work, on a fast and on a slow machine.
    seconds = min(first_run(settings, feeds), LONGEST_SECONDS)

    def stream() -> Victim:
        once = chances["stream"].random() < 0.5
        return Victim(("stream", *(["--available-now"] if once else []), *data), seconds)

    def batch() -> Victim:
        forced = chances["batch"].random() < 0.5
        options = ("--date", str(OLD_DAY), "--system", next(iter(feeds)), *(["--force"] if forced else []))
        return Victim(("batch", *options, *data), seconds)

    victims: dict[str, Callable[[], Victim]] = {
        "poll": lambda: Victim(("poll", *feeds.values(), *data), 6),
        "stream": stream,
        "batch": batch,
    }
    with ThreadPoolExecutor(len(KILLS)) as threads:
        going = {
            kind: threads.submit(
                kill_often,
                times,
                victims[kind],
                chances[kind],
                folder / f"{kind}.txt",
                old_night.go_on if kind == "poll" else threading.active_count,
            )
            for kind, times in KILLS.items()
        }
        return {kind: killed.result() for kind, killed in going.items()}


async def test_what_is_left_by_random_kills_is_what_an_undisturbed_run_leaves(
    spark: SparkSession, feeds: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIKEWIRE_MIN_POLL_SECONDS", "0.5")
    settings = Settings.read(data=tmp_path / "killed")
    old_night = OldNight(settings, next(iter(feeds)))
    killed = await asyncio.to_thread(kill_all_kinds, settings, feeds, old_night, tmp_path)
    print(f"seed {SEED}: {sum(map(len, killed.values()))} kills, after so many seconds: {killed}")  # noqa: T201  # to repeat it
    assert sum(map(len, killed.values())) >= 50

    undisturbed = settings.model_copy(
        update={
            "data": tmp_path / "whole",
            "store": f"sqlite:///{tmp_path / 'whole.sqlite'}",
            "lake": str(tmp_path / "lake"),
        }
    )
    now = datetime.now(UTC)
    for place in (settings, undisturbed):
        await asyncio.to_thread(catch_up, place)
        await compute_days(spark, place, now)
    async with open_log(settings.log) as log, opened(settings) as store, opened(undisturbed) as whole:
        assert await content(store) == await content(whole)
        found = await logged(log)
        assert await totals(store, found) == polls_of(found)
    assert in_lake(settings.lake) == sorted((Topic(one.topic), one.offset) for one in found)
    assert in_lake(undisturbed.lake) == in_lake(settings.lake)
    assert_whole_and_once(found, old_night.polls)


def catch_up(settings: Settings) -> None:
    """Let a stream that nobody kills do what is left."""
    places = {f"BIKEWIRE_{name.upper()}": str(getattr(settings, name)) for name in ("data", "log", "store", "lake")}
    with running("stream", "--available-now", **places) as stream:
        assert stream.wait(300) == 0, "\n".join(stream.lines)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        yield store


async def compute_days(spark: SparkSession, settings: Settings, now: datetime) -> None:
    """What the killed ones have begun: the old night, yesterday and today."""
    async with open_log(settings.log) as log, opened(settings) as store:
        for row in await store.read(SYSTEM, ("all",)):
            place = (spark, log, store, settings, str(row["system_id"]), str(row["time_zone"]))
            today = now.astimezone(ZoneInfo(str(row["time_zone"]))).date()
            for day in (OLD_DAY, today - timedelta(days=1), today):
                await compute_day(*place, day, now)
            assert (await compute_day(*place, OLD_DAY, now)).outcome is Outcome.UNCHANGED


Poll = tuple[str, datetime]


async def totals(store: Store, found: list[Logged]) -> list[Poll]:
    """The polls of which there are totals."""
    days = {(one.record.system_id, one.record.polled_at.date()) for one in found}
    rows = [row for day in days for row in await store.read(NETWORK_HISTORY, day)]
    return sorted((str(row["system_id"]), row["polled_at"]) for row in rows)  # type: ignore[misc]  # a timestamp


def polls_of(found: list[Logged]) -> list[Poll]:
    """The polls that observed stations, as often as they are there."""
    records = (one.record for one in found)
    feeds = (one for one in records if isinstance(one, FeedStatus) and one.is_observing)
    return sorted((feed.system_id, feed.polled_at) for feed in feeds if feed.feed == "station_status")


def assert_whole_and_once(found: list[Logged], old_polls: int) -> None:
    """Every poll is in the log once, with each of its stations."""
    polls = polls_of(found)
    assert len(polls) == len(set(polls))
    assert sum(polled_at.date() == OLD_DAY for _, polled_at in polls) == old_polls == KILLS["poll"]
    statuses = [one.record for one in found if isinstance(one.record, StationStatus)]
    stations = Counter((one.system_id, one.polled_at) for one in statuses)
    assert stations == {(one.system_id, one.polled_at): one.stations_in_poll for one in statuses}
    assert len({(one.system_id, one.polled_at, one.station_id) for one in statuses}) == len(statuses)
    assert sorted(stations) == polls
