from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from pipeline.model import FeedState, FeedStatus, StationInformation, StationStatus, SystemInformation, VehicleStatus
from pipeline.ports import Log
from pipeline.recording import RecordingError
from pipeline.replay import ReplayReport, replay
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.gbfs_documents import NOON, document, station, status, statuses, system, vehicle
from tests.log_reading import of, read_all

SETTINGS = Settings(min_poll_seconds=60)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    async with open_log(log_url) as opened:
        yield opened


NOTHING: Mapping[str, object] = {}


def poll(
    minute: int, bikes: int, system_id: str = "harbour", *, feeds: Mapping[str, object] = NOTHING
) -> dict[str, object]:
    polled_at = NOON + minute * MINUTE
    live = {
        "station_status": document(statuses(status("st_1", bikes, last_reported=int(polled_at.timestamp()))), polled_at)
    }
    return {"polled_at": polled_at.isoformat(), "system_id": system_id, "feeds": {**live, **feeds}}


def written(path: Path, *polls: object) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in polls))
    return path


DECLARED: dict[str, object] = {
    "system_information": document(system()),
    "station_information": document({"stations": [station("st_1")]}),
}


async def test_polls_are_published_under_their_recorded_times(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3, feeds=DECLARED), poll(1, 3), poll(5, 4))

    report = await replay(path, log, SETTINGS)

    assert report == ReplayReport(3, 10, 0, (), NOON, NOON + 5 * MINUTE)
    records = await read_all(log, report.records)
    assert [(one.polled_at, one.bikes, one.changed, one.seen_before) for one in of(StationStatus, records)] == [
        (NOON, 3, True, None),
        (NOON + MINUTE, 3, False, NOON),
        (NOON + 5 * MINUTE, 4, True, NOON + MINUTE),
    ]
    assert len(of(SystemInformation, records)) == len(of(StationInformation, records)) == 1


async def test_vehicles_stand_still_in_a_recording_too(log: Log, tmp_path: Path) -> None:
    def seen(minute: int) -> dict[str, object]:
        bikes = {"bikes": [vehicle("v_1"), vehicle(f"only in {minute}")]}
        return poll(minute, 3, feeds={"vehicle_status": document(bikes, NOON + minute * MINUTE)})

    report = await replay(written(tmp_path / "polls", seen(0), poll(1, 3), seen(2)), log, SETTINGS)

    records = of(VehicleStatus, await read_all(log, report.records))
    assert [(one.vehicle_id, one.still_since) for one in records] == [
        ("v_1", NOON),
        ("only in 0", NOON),
        ("v_1", NOON),
        ("only in 2", NOON + 2 * MINUTE),
    ]


async def test_what_failed_when_recorded_fails_again(log: Log, tmp_path: Path) -> None:
    polls = [
        poll(0, 3),
        poll(1, 3, feeds={"station_status": "<html>"}),
        poll(2, 3, feeds={"station_status": None}),
        poll(3, 3),
    ]

    report = await replay(written(tmp_path / "polls", *polls), log, SETTINGS)

    records = await read_all(log, report.records)
    assert [one.state for one in of(FeedStatus, records)] == [
        FeedState.OK,
        FeedState.REFUSED,
        FeedState.UNREACHABLE,
        FeedState.OK,
    ]
    assert [one.seen_before for one in of(StationStatus, records)] == [None, NOON]


async def test_bad_lines_are_counted_and_named(log: Log, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "polls", poll(0, 3), "{", *["no poll"] * 30, poll(1, 3))

    report = await replay(path, log, SETTINGS)

    assert (report.polls, report.refused, len(report.refusals)) == (2, 31, 20)
    assert report.refusals[0] == "Line 2: The line is no poll: Input data was truncated."
    assert len(caplog.records) == 20


async def test_another_id_renames_the_one_system(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3, feeds=DECLARED), poll(0, 3, "other"), poll(1, 3))

    report = await replay(path, log, SETTINGS, system_id="copy")

    assert (report.polls, report.refusals) == (
        2,
        ("Line 2: The poll is of other; only harbour is replayed, as copy.",),
    )
    records = await read_all(log, report.records)
    assert {record.system_id for record in records} == {"copy"}
    assert sum(one.deviations for one in of(FeedStatus, records)) == 0


async def test_several_systems_keep_apart(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3), poll(0, 3, "other"), poll(1, 3))

    report = await replay(path, log, SETTINGS)

    records = of(StationStatus, await read_all(log, report.records))
    seen = {system: [one.seen_before for one in records if one.system_id == system] for system in ("harbour", "other")}
    assert seen == {"harbour": [None, NOON], "other": [None]}


async def test_to_now_at_full_speed_ends_now_and_moves_every_time(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3), "bad", poll(10, 4))
    before = datetime.now(UTC)

    report = await replay(path, log, SETTINGS, to_now=True)

    assert report.start is not None
    assert report.end is not None
    assert before - timedelta(seconds=1) <= report.end <= datetime.now(UTC)
    assert report.end - report.start == 10 * MINUTE
    records = await read_all(log, report.records)
    for one in of(StationStatus, records):
        assert one.last_reported == one.polled_at
    for feed in of(FeedStatus, records):
        assert feed.last_updated == feed.polled_at
    assert of(StationStatus, records)[1].seen_before == report.start


async def test_a_pace_is_kept(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3), poll(1, 4))
    started = monotonic()

    report = await replay(path, log, SETTINGS, speed=120)

    assert monotonic() - started >= 0.5
    assert (report.start, report.end) == (NOON, NOON + MINUTE)


async def test_to_now_at_a_pace_polls_when_it_publishes(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3), poll(1, 4))
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    report = await replay(path, log, SETTINGS, speed=120, to_now=True)

    assert report.start is not None
    assert report.end is not None
    assert before <= report.start
    assert report.end - report.start == timedelta(seconds=0.5)
    assert report.end <= datetime.now(UTC)
    for one in of(StationStatus, await read_all(log, report.records)):
        assert one.last_reported == one.polled_at


async def test_progress_ends_at_the_end_of_the_file(log: Log, tmp_path: Path) -> None:
    path = written(tmp_path / "polls", poll(0, 3), poll(1, 4))
    told: list[tuple[int, int]] = []

    await replay(path, log, SETTINGS, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (path.stat().st_size, path.stat().st_size)


async def test_a_file_without_a_poll_can_not_be_moved_to_now(log: Log, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no poll"):
        await replay(written(tmp_path / "polls", "bad"), log, SETTINGS, to_now=True)


async def test_a_file_that_is_not_there_is_named(log: Log, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="absent can't be read"):
        await replay(tmp_path / "absent", log, SETTINGS)


async def test_the_recorded_brest_night_is_replayed_whole(log: Log, shared_data: Path) -> None:
    path = shared_data / "velozef" / "polls.ndjson.gz"

    report = await replay(path, log, Settings())

    assert (report.polls, report.refused) == (528, 0)
    records = of(StationStatus, await read_all(log, report.records))
    recorded = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [(one.station_id, one.bikes, one.docks) for one in records] == [
        (said["station_id"], said["num_bikes_available"], said["num_docks_available"])
        for one_poll in recorded
        for said in one_poll["feeds"]["station_status"]["data"]["stations"]
    ]
    assert {one.stations_in_poll for one in records} == {41}
