"""What `bikewire check` finds, how it says so, and what it returns."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from pipeline.check import NothingToCheck, Report, check_fetches, check_place, feed_of, findings
from pipeline.check_url import check_url
from pipeline.check_view import verdict
from pipeline.deviations import Action, Deviation, Harm, Rule
from pipeline.gbfs_model import Feed
from pipeline.model import FeedState
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.feed_server import FeedServer, feed_server
from tests.gbfs_documents import NOON, body, links, station, status, statuses, system, vehicle
from tests.test_cli import outcome

SETTINGS = Settings(timeout_seconds=5)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def checked(**bodies: bytes) -> Report:
    return check_fetches("here", {Feed(name): Fetch(body=sent) for name, sent in bodies.items()}, SETTINGS, NOON)


def test_findings_are_sorted_by_harm_then_by_count() -> None:
    def noted(rule: Rule, action: Action) -> Deviation:
        return Deviation("station_status", "1", "field", "value", rule, action)

    found = findings(
        [
            *[noted(Rule.ID_IS_TEXT, Action.REPAIRED)] * 9,
            noted(Rule.TYPE, Action.UNKNOWN),
            *[noted(Rule.COUNT_RANGE, Action.UNKNOWN)] * 2,
            noted(Rule.OBJECT, Action.REFUSED),
            *[noted(Rule.TTL, Action.ASSUMED)] * 3,
        ]
    )

    assert [(finding.harm, finding.rule, finding.count) for finding in found] == [
        (Harm.LOSS, Rule.OBJECT, 1),
        (Harm.DOUBT, Rule.COUNT_RANGE, 2),
        (Harm.DOUBT, Rule.TYPE, 1),
        (Harm.NUISANCE, Rule.ID_IS_TEXT, 9),
        (Harm.NUISANCE, Rule.TTL, 3),
    ]


def test_a_good_system_has_no_harm() -> None:
    report = checked(station_status=body(statuses(status("1"))), station_information=body({"stations": [station("1")]}))

    assert report.harm is None
    assert verdict(report).plain == "Nothing is wrong."


def test_documents_are_compared_and_the_worst_comes_first() -> None:
    report = checked(
        system_information=body(system()),
        station_information=body({"stations": [station("1", "Gare "), station("2")]}),
        station_status=body(statuses(status("1"), {})),
    )

    assert [(feed.feed, feed.harm) for feed in report.feeds] == [
        (Feed.STATION_STATUS, Harm.LOSS),
        (Feed.STATION_INFORMATION, Harm.NUISANCE),
        (Feed.SYSTEM_INFORMATION, None),
    ]
    assert [finding.rule for finding in report.feeds[0].findings] == [Rule.ID_PRESENT, Rule.ID_REPORTED]
    assert verdict(report).plain == "Found: 1 loss, 1 doubt, 1 nuisance."


def test_a_feed_that_observes_nothing_is_lost() -> None:
    stale = body(statuses(), NOON - timedelta(hours=1))

    report = checked(station_status=stale)

    assert (report.feeds[0].state, report.harm) == (FeedState.STALE, Harm.LOSS)
    assert verdict(report).plain == "station_status is stale: The document is 3600 s old; more than 300 s is stale."


def test_an_old_file_is_not_stale(tmp_path: Path) -> None:
    file = tmp_path / "anything.json.gz"
    file.write_bytes(gzip.compress(body(statuses(status("1")), NOON - timedelta(days=999))))

    report = check_place(file, SETTINGS)

    assert [(feed.feed, feed.state, feed.entities, feed.version) for feed in report.feeds] == [
        (Feed.STATION_STATUS, FeedState.OK, 1, "2.3")
    ]


def test_a_folder_is_one_system(tmp_path: Path) -> None:
    (tmp_path / "station_status.json").write_bytes(body(statuses(status("1"))))
    (tmp_path / "station_information.json").write_bytes(body({"stations": [station("2")]}))
    (tmp_path / "notes.json").write_text("{}")

    report = check_place(tmp_path, SETTINGS)

    assert [finding.rule for feed in report.feeds for finding in feed.findings] == [Rule.ID_DECLARED, Rule.ID_REPORTED]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.json", b"{}", "is no document of GBFS"),
        ("x.json.gz", b"no gzip", "can't be read"),
        ("missing.json", None, "can't be read"),
        ("x.json", b" " * 2_000, "is larger than 1000 bytes"),
    ],
)
def test_what_is_no_document_is_told(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(NothingToCheck, match=reason):
        check_place(file, Settings(max_body_bytes=1000))


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingToCheck, match="holds no document of GBFS"):
        check_place(tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("data", "name", "feed"),
    [
        (statuses(status("1")), "x.json", Feed.STATION_STATUS),
        ({"stations": [station("1")]}, "x.json", Feed.STATION_INFORMATION),
        ({"bikes": [vehicle("1")]}, "x.json", Feed.VEHICLE_STATUS),
        ({"bikes": [vehicle("1")]}, "free-bike-status.json", Feed.VEHICLE_STATUS),
        (links("https://example.org", ["station_status"]), "x.json", Feed.DISCOVERY),
        ({"feeds": []}, "x.json", Feed.DISCOVERY),
        (system(), "x.json", Feed.SYSTEM_INFORMATION),
        ({"versions": []}, "x.json", Feed.VERSIONS),
        ({"datasets": []}, "x.json", Feed.MANIFEST),
        ([], "x.json", None),
        ({"other": 1}, "x.json", None),
    ],
)
def test_a_document_tells_of_which_feed_it_is(data: Any, name: str, feed: Feed | None) -> None:
    assert feed_of(body(data), name) is feed


async def test_a_discovery_url_is_checked_with_all_it_lists(feeds: FeedServer) -> None:
    url = feeds.serve_system("harbour", "", "system_regions", "free_bike_status")
    now = datetime.now(UTC)
    feeds.answers["station_status"] = body(statuses(status("st_1")), now)
    feeds.answers["system_regions"] = body({"regions": []})

    report = await check_url(f"{url}?key=secret", SETTINGS)

    assert report.place == url
    assert {feed.feed: feed.state for feed in report.feeds} == {
        Feed.DISCOVERY: FeedState.OK,
        Feed.SYSTEM_INFORMATION: FeedState.OK,
        Feed.STATION_INFORMATION: FeedState.OK,
        Feed.STATION_STATUS: FeedState.OK,
        Feed.SYSTEM_REGIONS: FeedState.OK,
        Feed.VEHICLE_STATUS: FeedState.UNREACHABLE,
    }


async def test_one_document_is_checked_by_itself(feeds: FeedServer) -> None:
    feeds.answers["station_status"] = body(statuses(status("st_1")), datetime.now(UTC))

    report = await check_url(feeds.url("station_status"), SETTINGS)

    assert [feed.feed for feed in report.feeds] == [Feed.STATION_STATUS]


async def test_a_url_that_answers_nothing_is_told(feeds: FeedServer) -> None:
    feeds.answers["gbfs"] = Response(status_code=500)

    with pytest.raises(NothingToCheck, match="500 Internal Server Error"):
        await check_url(feeds.url("gbfs"), SETTINGS)


def test_the_command_shows_tables_and_its_status_is_for_scripts(tmp_path: Path) -> None:
    file = tmp_path / "station_status.json"
    file.write_bytes(body(statuses(status("1", is_renting=1), status("2", docks=-1), status("2\x1b[31m", docks=1))))

    code, text, errors = outcome("check", file)

    assert (code, errors) == (3, "")
    assert "What the official schemas say" in text
    assert text.index("count_range") < text.index("flag_is_boolean")
    assert "\x1b" not in text
    assert outcome("check", file, "--fail-on", "loss")[0] == 0


def test_the_command_gives_programs_json(tmp_path: Path) -> None:
    file = tmp_path / "station_status.json"
    file.write_bytes(body(statuses(status(1))))

    code, text, errors = outcome("check", file, "--json")
    found = json.loads(text)

    assert (code, errors) == (0, "")
    assert found["feeds"][0]["findings"] == [
        {
            "harm": 1,
            "rule": "id_is_text",
            "explanation": "an id is text",
            "action": "repaired",
            "count": 1,
            "example": "station_status 1: station_id is 1; an id is text; repaired.",
        }
    ]
    assert found["feeds"][0]["official"] == [
        {"place": "data.stations.*.station_id", "message": "1 is not of type 'string'", "count": 1}
    ]
    assert outcome("check", file, "--fail-on", "nuisance")[0] == 3


def test_nothing_to_check_is_one_sentence_and_exit_status_1(tmp_path: Path) -> None:
    assert outcome("check", tmp_path) == (1, "", f"{tmp_path} holds no document of GBFS.\n")
