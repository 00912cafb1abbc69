"""An installation is moved to other engines whole: its rows, its log, and where each reader of the log is."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.folder import FolderInUse, held
from pipeline.log_copy import JOB, OtherRecords
from pipeline.migrate import MoveRefused, Report, migrate
from pipeline.migrate_view import told
from pipeline.model import Topic
from pipeline.ports import Consumed, Offsets, StoreError
from pipeline.settings import Settings, SettingsError
from pipeline.tables import SYSTEM, TABLES
from pipeline.wiring import open_log, open_store
from tests.cassandra_cluster import CassandraCluster
from tests.embedded_installation import Installation, records, rows
from tests.made_polls import START, log_records, poll
from tests.running import running
from tests.servers.kafka import KafkaServer

EVERY_TOPIC = list(Topic)


@pytest.fixture(params=["sqlite", pytest.param("cluster", marks=[pytest.mark.engine, pytest.mark.timeout(240)])])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that name an empty log and an empty store."""
    if request.param == "sqlite":
        return Settings.read(data=tmp_path / "target")
    kafka: KafkaServer = request.getfixturevalue("kafka_server")
    cassandra: CassandraCluster = request.getfixturevalue("cassandra_node")
    log = f"{kafka.url}?prefix={uuid4().hex[:8]}."
    return Settings.read(data=tmp_path / "target", log=log, store=cassandra.empty_store())


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    """Settings that name an empty log and an empty store in a folder."""
    return Settings.read(data=tmp_path / "other")


@pytest.fixture
async def source(tmp_path: Path) -> Installation:
    found = Installation(tmp_path / "source", stations=20, polls=40, behind=3)
    await found.make()
    return found


async def move(source: Installation, target: Settings) -> Report:
    return await migrate(source.log, source.store, target, lambda *_: None)


async def assert_moved(source: Installation, target: Settings) -> None:
    """All that the source holds is in the target, once and in order, and readers have the same before them."""
    async with open_log(source.log) as log, open_store(source.store) as store:
        await store.create(TABLES)
        expected_rows, expected = await rows(store), await records(log, {})
        unread = {job: await records(log, await store.offsets(job)) for job in ("stream", "lake")}
    async with open_log(target.log) as log, open_store(target.store) as store:
        await store.create(TABLES)
        assert await rows(store) == expected_rows
        assert await records(log, {}) == expected
        assert {job: await records(log, await store.offsets(job)) for job in ("stream", "lake")} == unread
    assert len(unread["stream"]["station_status", "brest"]) == source.behind * source.stations


async def test_rows_records_and_the_places_of_their_readers_are_moved(source: Installation, target: Settings) -> None:
    report = await move(source, target)
    assert report.rows == {
        "system": 2,
        "station_latest": 40,
        "station_history": 480,
        "station_hour": 120,
        "station_capacity": 40,
    }
    assert report.records == 2 * (40 * (20 + 2) + 20 * 2 + 1)
    await assert_moved(source, target)
    again = await move(source, target)
    assert (again.was_done, again.rows, again.records) == (True, {}, 0)
    await assert_moved(source, target)


async def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path, target: Settings) -> None:
    source = Installation(tmp_path / "large", stations=300, polls=60, behind=7)
    await source.make()
    arguments = ("migrate", "--from-log", source.log, "--from-store", source.store, "--data", target.data)
    environment = {"BIKEWIRE_LOG": target.log, "BIKEWIRE_STORE": target.store}
    async with open_log(target.log) as log, open_store(target.store) as store:
        await log.create(EVERY_TOPIC)
        await store.create(TABLES)
        kills = 0
        for _ in range(4):
            noted = await store.offsets(JOB)
            with running(*arguments, **environment) as process:
                while await store.offsets(JOB) == noted and process.process.poll() is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.003)
                if process.process.poll() is None:
                    os.kill(process.process.pid, signal.SIGKILL)
                    kills += 1
                process.wait(30)
    assert kills == 4
    report = await move(source, target)
    assert not report.was_done
    await assert_moved(source, target)


async def test_what_was_published_and_not_noted_is_not_published_again(tmp_path: Path, other: Settings) -> None:
    source = Installation(tmp_path / "large", stations=200, polls=40, behind=13)
    await source.make()
    noted: list[dict[str, bytes]] = []

    def keep(what: str, done: int, total: int) -> None:
        if what == "log":
            noted.append({file.name: file.read_bytes() for file in other.data.glob("store.sqlite*")})

    await migrate(source.log, source.store, other, keep)
    assert len(noted) > 2
    for file in other.data.glob("store.sqlite*"):
        file.unlink()
    # The store as it was before the last records were noted; by then all readers' places were.
    for name, content in noted[-2].items():
        (other.data / name).write_bytes(content)
    report = await move(source, other)
    assert (report.was_done, report.records) == (False, 0)
    await assert_moved(source, other)


class Enough(Exception):
    """Ends a move."""


def end_at_the_log(what: str, done: int, total: int) -> None:
    if what == "log":
        raise Enough


async def test_records_that_were_not_copied_stop_it(source: Installation, other: Settings) -> None:
    with pytest.raises(Enough):
        await migrate(source.log, source.store, other, end_at_the_log)
    async with open_log(other.log) as log:
        await log.publish("brest", log_records(poll(START, {"x": (1, 1)})))
    with pytest.raises(OtherRecords, match="holds records that were not copied to it"):
        await move(source, other)


async def test_a_source_without_records_is_moved(source: Installation, target: Settings) -> None:
    async with open_log(source.log) as log:
        await log.retire(datetime.now(UTC) + timedelta(days=1), await log.end_offsets(EVERY_TOPIC))
    report = await move(source, target)
    assert report.records == 0
    async with open_log(target.log) as log, open_store(target.store) as store:
        await store.create(TABLES)
        assert len(await store.read(SYSTEM, ("all",))) == 2
        ends = await log.end_offsets(EVERY_TOPIC)
        assert await store.offsets("stream") == {place: 0 for place in ends if place in await store.offsets("stream")}


async def test_a_source_that_went_on_is_not_taken_for_the_one_that_was_moved(
    source: Installation, other: Settings
) -> None:
    await move(source, other)
    async with open_log(source.log) as log:
        await log.publish("brest", log_records(poll(START, {"x": (1, 1)})))
    with pytest.raises(MoveRefused, match="has gone on since the move began"):
        await move(source, other)


async def test_a_target_that_holds_something_is_refused(source: Installation, other: Settings, tmp_path: Path) -> None:
    async with open_log(other.log) as log, open_store(other.store) as store:
        await log.create(EVERY_TOPIC)
        await store.create(TABLES)
        await store.write({SYSTEM: [{"part": "all", "system_id": "lyon", "polled_at": START}]})
        with pytest.raises(MoveRefused, match=r"^BIKEWIRE_STORE: the store is not empty \(see its table system\)"):
            await move(source, other)
        await log.publish("lyon", log_records(poll(START, {"x": (1, 1)})))
        with pytest.raises(MoveRefused, match=r"^BIKEWIRE_LOG: the log is not empty"):
            await move(source, other)
    copied = Settings.read(data=tmp_path / "copied")
    await move(source, copied)
    second = Installation(tmp_path / "second", stations=1, polls=8, behind=1)
    await second.make()
    with pytest.raises(
        MoveRefused, match=r"^BIKEWIRE_STORE: it holds a copy of another source \(.*/source/log.sqlite "
    ):
        await move(second, copied)


async def test_a_source_in_use_is_refused(source: Installation, other: Settings) -> None:
    with held(source.folder), pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        await move(source, other)
    async with open_log(source.log) as log:
        await log.end_offsets(EVERY_TOPIC)
        with pytest.raises(MoveRefused, match=r"log\.sqlite' is in use: stop every `bikewire`"):
            await move(source, other)
    async with open_store(source.store) as store:
        await store.offsets("stream")
        with pytest.raises(MoveRefused, match=r"store\.sqlite' is in use"):
            await move(source, other)
    assert not (other.data / "log.sqlite").exists()


async def test_a_lake_that_was_left_half_written_is_to_be_finished_first(source: Installation, other: Settings) -> None:
    async with open_store(source.store) as store:
        await store.create(TABLES)
        further: Offsets = {place: offset + 5 for place, offset in (await store.offsets("lake")).items()}
        await store.write({}, Consumed("lake-intent", further))
    with pytest.raises(MoveRefused, match="ended while it wrote to its lake; run `bikewire stream --available-now`"):
        await move(source, other)


async def test_places_that_cannot_be_moved_are_named(source: Installation, other: Settings) -> None:
    nowhere = f"sqlite:///{source.folder / 'nowhere.sqlite'}"
    same = Settings.read(data=source.folder)
    for log, store, settings, sentence in (
        (nowhere, source.store, other, r"^--from-log: there is no log at '.*/nowhere\.sqlite'\.$"),
        (source.log, nowhere, other, r"^--from-store: there is no store at '.*/nowhere\.sqlite'\.$"),
        ("kafka://a", source.store, other, r"^--from-log: 'kafka://a' is not the sqlite:///PATH of an installation"),
        (source.log, source.store, same, r"^BIKEWIRE_LOG: '.*/log\.sqlite' is where the log is now; name the one"),
    ):
        with pytest.raises(MoveRefused, match=sentence):
            await migrate(log, store, settings, lambda *_: None)
    with pytest.raises(StoreError, match="but no store of Bikewire"):
        await migrate(source.log, source.log, other, lambda *_: None)
    wrong = Settings.read(data=other.data, log="amqp://b")
    with pytest.raises(SettingsError, match="names no log"):
        await migrate(source.log, source.store, wrong, lambda *_: None)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    source = Installation(tmp_path / "data", stations=2, polls=8, behind=1)
    asyncio.run(source.make())
    moved = {name: f"sqlite:///{tmp_path / 'new' / name}" for name in ("log", "store")}
    environment = {"BIKEWIRE_LOG": moved["log"], "BIKEWIRE_STORE": moved["store"]}
    with running("migrate", "--data", source.folder, **environment) as process:
        assert process.wait(30) == 0
    assert process.lines[-3:] == [
        "Rows moved: 2 system, 4 station_latest, 48 station_history, 12 station_hour, 4 station_capacity.",
        "Records of the log moved: 82.",
        f"The lake stays where it is: '{source.folder}/lake'. Every machine of the cluster has to see it there.",
    ]
    assert told(Report(Path("/old/lake"), was_done=True), "/shared/lake").splitlines() == [
        "All of it had been moved before: nothing was done.",
        "The lake stays as files: copy or mount '/old/lake' as BIKEWIRE_LAKE, which is '/shared/lake'.",
    ]
