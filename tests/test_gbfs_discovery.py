"""Which feeds a discovery document lists, and which systems a list of datasets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.deviations import Action, Rule
from pipeline.gbfs import DocumentRefused, read_datasets, read_discovery
from pipeline.gbfs_model import Feed, Link
from tests.gbfs_documents import body, links

URL = "https://example.org/2.3/en/gbfs.json"

FEEDS = ("system_information", "station_information", "station_status", "free_bike_status", "geofencing_zones", "x_own")
LINKS = (
    Link(Feed.SYSTEM_INFORMATION, "https://example.org/en/system_information.json"),
    Link(Feed.STATION_INFORMATION, "https://example.org/en/station_information.json"),
    Link(Feed.STATION_STATUS, "https://example.org/en/station_status.json"),
    Link(Feed.VEHICLE_STATUS, "https://example.org/en/free_bike_status.json"),
    Link(Feed.GEOFENCING_ZONES, "https://example.org/en/geofencing_zones.json"),
)


@pytest.mark.parametrize("nest", [lambda data: data, lambda data: data["en"]], ids=["by language", "3.0"])
def test_discovery_lists_the_feeds_of_gbfs(nest: Callable[[dict[str, Any]], object]) -> None:
    document = read_discovery(body(nest(links("https://example.org/en", FEEDS))), URL)

    assert (document.entities, document.deviations) == (LINKS, ())


@pytest.mark.parametrize(
    ("url", "languages", "chosen"),
    [
        ("https://example.org/gbfs.json", (), "de"),
        ("https://example.org/2.3/FR/gbfs.json", (), "fr"),
        ("https://example.org/2.3/fr/gbfs.json", ("it", "en"), "en"),
        ("https://example.org/it/gbfs.json", ("it",), "de"),
    ],
)
def test_discovery_chooses_a_language(url: str, languages: tuple[str, ...], chosen: str) -> None:
    feeds = {
        language: links(f"https://example.org/{language}", ["station_status"])["en"] for language in ("de", "fr", "en")
    }

    document = read_discovery(body(feeds), url, languages)

    assert document.entities == (Link(Feed.STATION_STATUS, f"https://example.org/{chosen}/station_status.json"),)


def test_discovery_resolves_relative_links_and_refuses_others() -> None:
    entries = [
        {"name": "station_status", "url": "station_status.json"},
        {"name": "free_bike_status", "url": "file:///etc/passwd"},
        {"name": "system_information", "url": "https://[::1"},
        {"name": "station_information"},
        {"name": ["station_status"], "url": "x"},
        "station_status",
    ]

    document = read_discovery(body({"feeds": entries}), URL)

    assert document.entities == (Link(Feed.STATION_STATUS, "https://example.org/2.3/en/station_status.json"),)
    assert sorted((noted.entity, noted.rule, noted.action) for noted in document.deviations) == [
        ("station_information", Rule.URL, Action.REFUSED),
        ("system_information", Rule.URL, Action.REFUSED),
        ("vehicle_status", Rule.URL, Action.REFUSED),
    ]


@pytest.mark.parametrize("data", [{"feeds": []}, {"en": {"feeds": []}}, {"en": {}}, {"feeds": "all"}])
def test_discovery_without_a_feed_is_refused(data: object) -> None:
    with pytest.raises(DocumentRefused):
        read_discovery(body(data), URL)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            body({"datasets": [{"system_id": "harbour", "versions": [{"version": "2.3", "url": URL}]}]}),
            [("harbour", URL)],
        ),
        (body({"versions": [{"version": "2.3", "url": URL}]}), [(None, URL)]),
        (
            body({"versions": [{"version": version, "url": version} for version in ("1.1", "3.1-RC3", "3.0", "2.3")]}),
            [(None, "https://example.org/2.3/en/3.0")],
        ),
        (body({"versions": [{"version": "3.1-RC3", "url": "rc"}]}), [(None, "https://example.org/2.3/en/rc")]),
    ],
)
def test_datasets_are_taken_in_their_newest_version(text: bytes, found: list[tuple[str | None, str]]) -> None:
    document = read_datasets(text, URL)

    assert [(dataset.system_id, dataset.url) for dataset in document.entities] == found
    assert document.deviations == ()


def test_a_dataset_without_a_usable_url_costs_only_itself() -> None:
    good = {"system_id": "harbour", "versions": [{"version": "2.3", "url": URL}, {"version": "3.0", "url": "ftp://x"}]}

    document = read_datasets(body({"datasets": [{"system_id": "lost"}, good, 3]}), URL)

    assert [(dataset.system_id, dataset.url) for dataset in document.entities] == [("harbour", URL)]
    assert [(noted.entity, noted.rule, noted.action) for noted in document.deviations] == [
        ("#0", Rule.REQUIRED, Action.REFUSED),
        ("#1", Rule.URL, Action.REFUSED),
        ("#2", Rule.REQUIRED, Action.REFUSED),
    ]
