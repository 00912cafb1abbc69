"""GBFS documents of any version (1.0 to 3.1) read into one model, sans I/O.

Each `read_*` takes a body as the server sent it and returns a `Document`: what it says and, as typed
deviations, all that was repaired or left out. A malformed entity costs only itself; a body that is no document
of the feed at all raises DocumentRefused. No version of GBFS is visible to the callers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from pipeline.deviations import Action, Rule
from pipeline.gbfs_body import Body, DocumentRefused
from pipeline.gbfs_declared import (
    Languages,
    lenient_alert,
    lenient_region,
    lenient_station,
    lenient_system,
    lenient_vehicle_type,
)
from pipeline.gbfs_entities import lenient_status, lenient_vehicle, strict_status, strict_vehicle
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import POLLED, Dataset, Document, Feed, Link, Said, Station, Status, System, Vehicle

__all__ = [
    "DocumentRefused",
    "read",
    "read_datasets",
    "read_discovery",
    "read_stations",
    "read_statuses",
    "read_system",
    "read_vehicles",
]


def read(feed: Feed, body: bytes, url: str = "", languages: Languages = ()) -> Document[Any]:
    """The document of any feed, fetched from ``url``; texts in the first of ``languages`` that it has them in.

    Of feeds that nothing is made of only the envelope is read.
    """
    if feed is Feed.DISCOVERY:
        return read_discovery(body, url, languages)
    if feed in (Feed.VERSIONS, Feed.MANIFEST):
        return read_datasets(body, url, feed)
    if (reader := _READERS.get(feed)) is not None:
        return reader(body, languages)
    document = Body(feed, body)
    document.object()
    return document.document(())


def read_discovery(body: bytes, url: str, languages: Languages = ()) -> Document[Link]:
    """The links of a gbfs.json that was fetched from ``url``.

    Where it lists feeds by language (before 3.0): in the first of ``languages`` that it has, else in the one
    that is part of ``url``, else in its first.
    """
    document = Body(Feed.DISCOVERY, body)
    data = document.object()
    listed = data.get("feeds")
    if not isinstance(listed, list):
        listed = _feeds_by_language(data, (*languages, *urlsplit(url).path.split("/")))
    links = {link.feed: link for entry in reversed(listed) if (link := _link(document, entry, url))}
    if not any(link.feed in POLLED for link in links.values()):
        msg = "The discovery document lists no feed that Bikewire reads."
        raise DocumentRefused(msg)
    return document.document(tuple(reversed(links.values())))


def read_system(body: bytes, languages: Languages = ()) -> Document[System]:
    """The one system of a system_information document."""
    document = Body(Feed.SYSTEM_INFORMATION, body)
    return document.document((lenient_system(document.fields("", document.object()), languages),))


def read_stations(body: bytes, languages: Languages = ()) -> Document[Station]:
    """The stations that a station_information document declares."""
    return Body(Feed.STATION_INFORMATION, body).read(
        ("stations",), ("station_id",), _no_strict, lambda fields: lenient_station(fields, languages)
    )


def read_statuses(body: bytes) -> Document[Status]:
    """The stations' counts and flags in a station_status document."""
    return Body(Feed.STATION_STATUS, body).read(("stations",), ("station_id",), strict_status, lenient_status)


def read_vehicles(body: bytes) -> Document[Vehicle]:
    """The vehicles of a vehicle_status or free_bike_status document."""
    return Body(Feed.VEHICLE_STATUS, body).read(
        ("vehicles", "bikes"), ("vehicle_id", "bike_id"), strict_vehicle, lenient_vehicle
    )


def read_datasets(body: bytes, url: str, feed: Feed = Feed.MANIFEST) -> Document[Dataset]:
    """The systems of a manifest.json, or the one system of a gbfs_versions.json, fetched from ``url``.

    Raises DocumentRefused for a document that is neither.
    """
    document = Body(feed, body)
    data = document.object()
    datasets = data.get("datasets", [data] if "versions" in data else None)
    if not isinstance(datasets, list):
        msg = "The document is no manifest: it has neither data.datasets nor data.versions."
        raise DocumentRefused(msg)
    found = [one for index, entry in enumerate(datasets) if (one := _dataset(document, index, entry, url))]
    if not found:
        msg = "The document names no dataset with a usable URL."
        raise DocumentRefused(msg)
    return document.document(tuple(found))


def _dataset(document: Body, index: int, entry: object, base: str) -> Dataset | None:
    fields = document.fields(f"#{index}", entry if isinstance(entry, dict) else {})
    listed = fields.values.get("versions")
    versions = []
    for version in listed if isinstance(listed, list) else []:
        values = version if isinstance(version, dict) else {}
        if (url := _url(values.get("url"), base)) is not None and isinstance(values.get("version"), str):
            versions.append((str(values["version"]), url))
        else:
            fields.note("versions", version, Rule.URL, Action.REFUSED)
    if not versions:
        fields.note("versions", listed, Rule.REQUIRED, Action.REFUSED)
        return None
    return Dataset(fields.identifier("system_id"), tuple(versions))


def _feeds_by_language(data: Mapping[str, object], languages: Languages) -> list[object]:
    by_language: dict[str, list[object]] = {
        language.lower(): found["feeds"]
        for language, found in data.items()
        if isinstance(found, dict) and isinstance(found.get("feeds"), list)
    }
    if not by_language:
        msg = "The document is no gbfs: it has neither data.feeds nor data.<language>.feeds."
        raise DocumentRefused(msg)
    chosen = next((name.lower() for name in languages if name.lower() in by_language), next(iter(by_language)))
    return by_language[chosen]


def _link(document: Body, entry: object, base: str) -> Link | None:
    values = entry if isinstance(entry, dict) else {}
    feed = Feed.named(values.get("name"))
    if feed is None or feed is Feed.DISCOVERY:
        return None
    url = _url(values.get("url"), base)
    if url is None:
        document.fields(feed, values).note("url", values.get("url"), Rule.URL, Action.REFUSED)
        return None
    return Link(feed, url)


def _url(value: object, base: str) -> str | None:
    """The http(s) URL that a value names, seen from ``base``."""
    if not isinstance(value, str):
        return None
    try:
        url = urljoin(base, value.strip())
        is_usable = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return None
    return url if is_usable else None


def _declared(
    feed: Feed, name: str, key: str, lenient: Callable[[Fields, Languages], Said | None]
) -> Callable[[bytes, Languages], Document[Any]]:
    """A reader of a feed whose list ``name`` holds entities with the id ``key``."""

    def reader(body: bytes, languages: Languages) -> Document[Any]:
        return Body(feed, body).read((name,), (key,), _no_strict, lambda fields: lenient(fields, languages))

    return reader


def _no_strict(raw: msgspec.Raw) -> None:
    """Declarations are few: they have no fast path."""


_READERS: dict[Feed, Callable[[bytes, Languages], Document[Any]]] = {
    Feed.SYSTEM_INFORMATION: read_system,
    Feed.STATION_INFORMATION: read_stations,
    Feed.STATION_STATUS: lambda body, languages: read_statuses(body),
    Feed.VEHICLE_STATUS: lambda body, languages: read_vehicles(body),
    Feed.VEHICLE_TYPES: _declared(Feed.VEHICLE_TYPES, "vehicle_types", "vehicle_type_id", lenient_vehicle_type),
    Feed.SYSTEM_REGIONS: _declared(Feed.SYSTEM_REGIONS, "regions", "region_id", lenient_region),
    Feed.SYSTEM_ALERTS: _declared(Feed.SYSTEM_ALERTS, "alerts", "alert_id", lenient_alert),
}
