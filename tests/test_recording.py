from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import recording
from pipeline.gbfs_model import Feed
from pipeline.reading import Fetch
from pipeline.recording import RecordedPoll, Recording, RecordingError, RefusedLine

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)


def line(polled_at: str = "2026-03-02T12:00:00.000Z", system_id: str = "harbour", **feeds: object) -> bytes:
    return json.dumps({"polled_at": polled_at, "system_id": system_id, "feeds": feeds}).encode() + b"\n"


def read(path: Path, *lines: bytes) -> list[RecordedPoll | RefusedLine]:
    path.write_bytes(b"".join(lines))
    with Recording(path) as opened:
        return list(opened)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "polls.ndjson"


def test_a_line_is_a_poll_with_what_came_of_each_fetch(path: Path) -> None:
    polls = read(
        path,
        line(
            station_status={"data": {"stations": []}},
            free_bike_status=None,
            station_information="<html>",
            geofencing_zones={},
        ),
    )

    assert polls == [
        RecordedPoll(
            1,
            NOON,
            "harbour",
            {
                Feed.STATION_STATUS: Fetch(body=b'{"data": {"stations": []}}'),
                Feed.VEHICLE_STATUS: Fetch(failure="The fetch failed when it was recorded."),
                Feed.STATION_INFORMATION: Fetch(body=b"<html>"),
            },
        )
    ]


def test_times_come_in_utc(path: Path) -> None:
    assert read(path, line("2026-03-02T13:00:00+01:00")) == [RecordedPoll(1, NOON, "harbour", {})]


def test_gzip_is_known_by_its_content(path: Path) -> None:
    assert read(path, gzip.compress(line() + b"\n" + line("2026-03-02T12:01:00Z"))) == [
        RecordedPoll(1, NOON, "harbour", {}),
        RecordedPoll(3, LATER, "harbour", {}),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"not json\n", "The line is no poll: JSON is malformed: invalid character (byte 4)."),
        (b"[]\n", "The line is no poll: Expected `object`, got `array`."),
        (b'{"system_id": "harbour", "feeds": {}}\n', "The line is no poll: Object missing required field `polled_at`."),
        (line("noon"), "polled_at is 'noon'; it must be RFC 3339 with an offset."),
        (line("2026-03-02T12:00:30"), "polled_at is '2026-03-02T12:00:30'; it must be RFC 3339 with an offset."),
        (line(system_id=" "), "system_id is ' '; it must name a system."),
        (b'{"a":' + b"[" * 100_000 + b"\n", "The line is no poll: "),
        (
            line("2026-03-02T12:00:00Z"),
            "polled_at is 2026-03-02T12:00:00+00:00, not after 2026-03-02T12:00:00+00:00, the poll of harbour before"
            " it.",
        ),
    ],
)
def test_a_bad_line_is_refused_by_its_number_and_costs_only_itself(path: Path, bad: bytes, reason: str) -> None:
    first, refused, last = read(path, line(), bad, line("2026-03-02T12:01:00Z"))

    assert (first, last) == (RecordedPoll(1, NOON, "harbour", {}), RecordedPoll(3, LATER, "harbour", {}))
    assert isinstance(refused, RefusedLine)
    assert refused.line == 2
    assert refused.reason.startswith(reason)


def test_each_system_has_its_own_order(path: Path) -> None:
    polls = read(path, line("2026-03-02T12:01:00Z"), line(system_id="other"))

    assert [type(poll) for poll in polls] == [RecordedPoll, RecordedPoll]


def test_a_file_that_breaks_off_keeps_what_came_before(path: Path) -> None:
    whole = gzip.compress(b"".join(line(f"2026-03-02T12:{minute:02}:00Z") for minute in range(60)), compresslevel=0)

    polls = read(path, whole[: len(whole) // 2])

    assert isinstance(polls[0], RecordedPoll)
    last = polls[-1]
    assert isinstance(last, RefusedLine)
    assert last.reason.startswith("The file breaks off here: ")


def test_a_line_too_long_is_refused_without_being_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE", 100)

    first, second, third = read(path, line(), line(station_status="x" * 1000), line("2026-03-02T12:01:00Z"))

    assert isinstance(first, RecordedPoll)
    assert second == RefusedLine(2, "The line is longer than 100 bytes.")
    assert third == RecordedPoll(3, LATER, "harbour", {})


def test_a_recording_says_how_far_it_has_been_read(path: Path) -> None:
    path.write_bytes(line())

    with Recording(path) as opened:
        assert (opened.position, opened.size) == (0, len(line()))
        assert len(list(opened)) == 1
        assert opened.position == opened.size


@pytest.mark.parametrize("name", ["absent.ndjson", "."])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match="can't be read"):
        Recording(tmp_path / name)
