"""The catalogue of systems: read, searched, listed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from pipeline import catalogue_file
from pipeline.catalogue import CatalogueEntry, NoCatalogue, read_catalogue, select
from pipeline.catalogue_file import KEPT_SECONDS, load_catalogue
from pipeline.settings import Settings
from tests.feed_server import FeedServer, feed_server
from tests.test_cli import outcome

HEAD = (
    "Country Code,Name,Location,System ID,URL,Auto-Discovery URL,Supported Versions,"
    "Authentication Info URL,Authentication Type,Authentication Parameter Name"
)
HARBOUR = 'FR,Vélo Harbour,"Brest, FR",harbour,https://example.org,https://example.org/gbfs.json,1.1 ; 2.3,,,'
LOCKED = "CH,Locked,Bern,locked,,https://example.com/gbfs.json,3.0,https://example.com/how,2,Authorization"
TEXT = "\n".join([HEAD, HARBOUR, LOCKED, "DE,Without a feed,Bonn,none,,,,,,", "DE,Short"])
FOUND = (
    CatalogueEntry(
        "harbour", "Vélo Harbour", "Brest, FR", "FR", "https://example.org/gbfs.json", ("1.1", "2.3"), False
    ),
    CatalogueEntry("locked", "Locked", "Bern", "CH", "https://example.com/gbfs.json", ("3.0",), True),
)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "systems.csv"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", [TEXT, "\ufeff" + TEXT])
def test_systems_with_a_feed_are_read(text: str) -> None:
    assert read_catalogue(text) == FOUND


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no column 'System ID'"),
        ("<html>", "it has no column 'System ID'"),
        (HEAD, "names no system with a discovery URL"),
        (HEAD + '\n"' + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_what_is_no_catalogue_is_told(text: str, reason: str) -> None:
    with pytest.raises(NoCatalogue, match=reason):
        read_catalogue(text)


@pytest.mark.parametrize(
    ("country", "search", "ids"),
    [
        (None, None, ["harbour", "locked"]),
        ("fr", None, ["harbour"]),
        (None, "BREST", ["harbour"]),
        (None, "harbour velo", ["harbour"]),
        ("CH", "brest", []),
    ],
)
def test_systems_are_found_by_country_and_words(country: str | None, search: str | None, ids: list[str]) -> None:
    assert [entry.system_id for entry in select(FOUND, country, search)] == ids


def test_the_whole_catalogue_is_read(shared_data: Path) -> None:
    found = load_catalogue(str(shared_data / "gbfs-samples" / "systems.csv"), Settings())

    assert len(found) == 1520
    assert sum(entry.needs_credentials for entry in found) == 5
    assert [entry.system_id for entry in select(found, "FR", "brest")] == ["getaround_brest", "velozef"]


def test_a_copy_is_kept_for_a_day_and_longer_if_there_is_no_other(
    feeds: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_file, "URL", feeds.url("systems"))
    settings = Settings.read(data=tmp_path)
    copy = tmp_path / "systems.csv"

    def changed(request: Request) -> Response:
        return Response(TEXT.replace("Vélo Harbour", "Harbour 2").encode())

    with pytest.raises(NoCatalogue, match=r"404 Not Found\. Name a copy of it with --catalogue FILE\."):
        load_catalogue(None, settings)
    feeds.answers["systems"] = TEXT.encode()
    assert load_catalogue(None, settings) == FOUND
    feeds.answers["systems"] = changed
    assert load_catalogue(None, settings) == FOUND
    old = time.time() - KEPT_SECONDS - 1
    os.utime(copy, (old, old))
    assert load_catalogue(None, settings)[0].name == "Harbour 2"
    os.utime(copy, (old, old))
    del feeds.answers["systems"]
    assert load_catalogue(None, settings)[0].name == "Harbour 2"


def test_a_catalogue_may_be_at_another_url(feeds: FeedServer) -> None:
    feeds.answers["other"] = TEXT.encode()

    assert load_catalogue(feeds.url("other"), Settings()) == FOUND


def test_a_file_that_is_not_there_is_told() -> None:
    assert outcome("systems", "--catalogue", "/nowhere.csv") == (
        1,
        "",
        "/nowhere.csv can't be read: No such file or directory.\n",
    )


def test_the_command_lists_systems(file: Path) -> None:
    code, text, errors = outcome("systems", "--catalogue", file, "--search", "bern")

    assert (code, errors) == (0, "")
    assert "https://example.com/gbfs.json (asks for credentials)" in text
    assert "Systems: 1." in text
    assert outcome("systems", "--catalogue", file, "--country", "XX")[0] == 1


def test_feeds_are_printed_for_the_setting(file: Path) -> None:
    assert outcome("systems", "--catalogue", file, "--feeds") == (0, "https://example.org/gbfs.json\n", "")


def test_programs_get_json(file: Path) -> None:
    _, text, _ = outcome("systems", "--catalogue", file, "--country", "CH", "--json")

    assert json.loads(text) == [
        {
            "system_id": "locked",
            "name": "Locked",
            "location": "Bern",
            "country": "CH",
            "url": "https://example.com/gbfs.json",
            "versions": ["3.0"],
            "needs_credentials": True,
        }
    ]
