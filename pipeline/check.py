"""What a feed gets wrong: each of its documents read as the poller would, and judged by the official schemas too."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pipeline.coherence import declared_by, odd_beside
from pipeline.deviations import EXPLANATION, Action, Deviation, Harm, Rule
from pipeline.gbfs_model import Document, Feed
from pipeline.model import FeedState
from pipeline.official import Word, official_words
from pipeline.ports import BikewireError
from pipeline.reading import Fetch, Reader, Reading
from pipeline.settings import Settings

FINE = (FeedState.OK, FeedState.NOT_MODIFIED)


class NothingToCheck(BikewireError):
    """There is no document at the place that was named; the text says so."""


class Finding(msgspec.Struct, frozen=True):
    """What one feed gets wrong in one way, ``count`` times; ``example`` is a sentence about the first."""

    harm: Harm
    rule: Rule
    explanation: str
    action: Action
    count: int
    example: str


class FeedCheck(msgspec.Struct, frozen=True):
    """One document. ``official`` is what the official schema says, None where there is none for it."""

    feed: Feed
    place: str
    state: FeedState
    reason: str | None
    version: str | None
    entities: int | None
    last_updated: datetime | None
    ttl_seconds: float | None
    findings: tuple[Finding, ...]
    official: tuple[Word, ...] | None

    @property
    def harm(self) -> Harm | None:
        """The worst of what was found; a polled feed that observes nothing is lost."""
        if self.state not in FINE:
            return Harm.LOSS
        return max((finding.harm for finding in self.findings), default=None)


class Report(msgspec.Struct, frozen=True):
    """Everything at ``place``, the most harmful feed first."""

    place: str
    feeds: tuple[FeedCheck, ...]

    @property
    def harm(self) -> Harm | None:
        return max((feed.harm for feed in self.feeds if feed.harm), default=None)


def check_fetches(place: str, fetches: Mapping[Feed, Fetch], settings: Settings, now: datetime) -> Report:
    """Judge the documents of one system at ``now``, each by itself and those of stations against each other."""
    reader = Reader(settings)
    readings = {feed: reader.read(feed, fetch, now, timedelta(0)) for feed, fetch in fetches.items()}
    beside = _beside(readings)
    checks = [_check(feed, fetches[feed], reading, beside.get(feed, ())) for feed, reading in readings.items()]
    return Report(place, tuple(sorted(checks, key=lambda check: -(check.harm or 0))))


def _beside(readings: Mapping[Feed, Reading]) -> dict[Feed, Sequence[Deviation]]:
    statuses = readings.get(Feed.STATION_STATUS)
    stations = readings.get(Feed.STATION_INFORMATION)
    if statuses is None or statuses.document is None:
        return {}
    declared = declared_by(stations.document) if stations is not None and stations.document is not None else None
    return {Feed.STATION_STATUS: list(odd_beside(statuses.document, declared))}


def _check(feed: Feed, fetch: Fetch, reading: Reading, beside: Sequence[Deviation]) -> FeedCheck:
    document: Document[Any] | None = reading.document
    version = document.version if document is not None else _version(fetch.body)
    return FeedCheck(
        feed,
        fetch.url,
        reading.state,
        reading.reason,
        version,
        len(document.entities) if document is not None and feed not in UNREAD else None,
        reading.last_updated,
        reading.ttl_seconds,
        findings((*reading.deviations, *beside)),
        official_words(feed, version, fetch.body) if fetch.body else None,
    )


UNREAD = frozenset(
    {
        Feed.VEHICLE_AVAILABILITY,
        Feed.SYSTEM_HOURS,
        Feed.SYSTEM_CALENDAR,
        Feed.SYSTEM_PRICING_PLANS,
        Feed.GEOFENCING_ZONES,
    }
)
"""Feeds of which only the envelope is read."""


def findings(deviations: Iterable[Deviation]) -> tuple[Finding, ...]:
    """The deviations by rule and by what was done, the most harmful first, then the most frequent."""
    kinds: dict[tuple[Rule, Action], list[Deviation]] = {}
    for deviation in deviations:
        kinds.setdefault((deviation.rule, deviation.action), []).append(deviation)
    found = [
        Finding(noted[0].harm, rule, EXPLANATION[rule], action, len(noted), noted[0].sentence)
        for (rule, action), noted in kinds.items()
    ]
    return tuple(sorted(found, key=lambda finding: (-finding.harm, -finding.count, finding.rule)))


def check_place(path: Path, settings: Settings) -> Report:
    """Check a file, or every document in a folder as those of one system. Age is no fault of a file.

    Raises NothingToCheck.
    """
    files = sorted(path.glob("*.json*")) if path.is_dir() else [path]
    fetches: dict[Feed, Fetch] = {}
    for file in files:
        body = unpacked(file, settings.max_body_bytes)
        feed = feed_of(body, file.name)
        if feed is None and not path.is_dir():
            msg = f"{file} is no document of GBFS: neither its name nor its data tells of which feed."
            raise NothingToCheck(msg)
        if feed is not None:
            fetches.setdefault(feed, Fetch(url=str(file), body=body))
    if not fetches:
        msg = f"{path} holds no document of GBFS."
        raise NothingToCheck(msg)
    ageless = settings.model_copy(update={"stale_seconds": math.inf})
    return check_fetches(str(path), fetches, ageless, datetime.now(UTC))


def unpacked(file: Path, longest: int) -> bytes:
    """The content of a file, uncompressed, if it has at most so many bytes. Raises NothingToCheck."""
    try:
        with file.open("rb") as raw, gzip.open(raw) if file.suffix == ".gz" else raw as stream:
            body = stream.read(longest + 1)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{file} can't be read: {error}."
        raise NothingToCheck(msg) from error
    if len(body) > longest:
        msg = f"{file} is larger than {longest} bytes (BIKEWIRE_MAX_BODY_BYTES)."
        raise NothingToCheck(msg)
    return body


_DATA_OF = {
    "bikes": Feed.VEHICLE_STATUS,
    "vehicles": Feed.VEHICLE_STATUS,
    "vehicle_types": Feed.VEHICLE_TYPES,
    "regions": Feed.SYSTEM_REGIONS,
    "alerts": Feed.SYSTEM_ALERTS,
    "versions": Feed.VERSIONS,
    "datasets": Feed.MANIFEST,
    "plans": Feed.SYSTEM_PRICING_PLANS,
    "rental_hours": Feed.SYSTEM_HOURS,
    "calendars": Feed.SYSTEM_CALENDAR,
    "geofencing_zones": Feed.GEOFENCING_ZONES,
    "feeds": Feed.DISCOVERY,
    "system_id": Feed.SYSTEM_INFORMATION,
}


def feed_of(body: bytes, name: str) -> Feed | None:
    """Of which feed a document is: by its name where that is one of GBFS, else by what its data holds."""
    known = Feed.named(name.split(".")[0].replace("-", "_"))
    return known or _by_data(_data(body))


def _by_data(data: object) -> Feed | None:
    if not isinstance(data, dict):
        return None
    stations = data.get("stations")
    if isinstance(stations, list):
        first = next((one for one in stations if isinstance(one, dict)), {})
        return Feed.STATION_INFORMATION if "lat" in first or "name" in first else Feed.STATION_STATUS
    named = next((feed for key, feed in _DATA_OF.items() if key in data), None)
    is_by_language = any(isinstance(value, dict) and "feeds" in value for value in data.values())
    return named or (Feed.DISCOVERY if is_by_language else None)


def _data(body: bytes) -> object:
    document = _json(body)
    return document.get("data") if isinstance(document, dict) else None


def _version(body: bytes) -> str | None:
    document = _json(body)
    version = document.get("version") if isinstance(document, dict) else None
    return version if isinstance(version, str) else None


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
