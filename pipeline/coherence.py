"""Whether a document agrees with the clock, with itself, with the document before and with the system's others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.deviations import Action, Deviation, Rule, shown
from pipeline.gbfs_model import REALTIME, Document, Feed, Station, Status, Vehicle
from pipeline.model import StationStatus, utc_text

AHEAD = timedelta(seconds=60)
"""How far ahead of ours a feed's clock may be before it is noted."""

REALTIME_LONGEST_SECONDS = 300.0
"""GBFS asks that realtime files be at most five minutes old; a ttl of hours on one must not blind us."""

FEW_STATIONS = 10
"""Fewer may well have reported in the same second."""


def odd_in_itself(document: Document[Any], polled_at: datetime) -> Iterator[Deviation]:
    """What a document says of its own times that can't be, or is of no use."""
    latest = polled_at + AHEAD
    if document.last_updated is not None and document.last_updated > latest:
        yield _time(document.feed, "", "last_updated", document.last_updated, Rule.TIME_NOT_AHEAD)
    ttl = document.ttl_seconds
    if ttl == 0 or (ttl is not None and ttl > REALTIME_LONGEST_SECONDS and document.feed in REALTIME):
        yield Deviation(document.feed, "", "ttl", f"{ttl:g}", Rule.TTL, Action.ASSUMED)
    if document.feed in REALTIME:
        yield from _odd_reports(document, latest)


def _odd_reports(document: Document[Status | Vehicle], latest: datetime) -> Iterator[Deviation]:
    for said in document.entities:
        if said.last_reported is not None and said.last_reported > latest:
            entity = said.station_id if isinstance(said, Status) else said.vehicle_id
            yield _time(document.feed, entity, "last_reported", said.last_reported, Rule.TIME_NOT_AHEAD)
    times = {said.last_reported for said in document.entities}
    is_one = document.feed is Feed.STATION_STATUS and len(document.entities) >= FEW_STATIONS and len(times) == 1
    if is_one and (only := next(iter(times))) is not None:
        yield _time(document.feed, "", "last_reported of every station", only, Rule.TIME_OF_STATION)


def odd_after(before: Document[Any] | None, document: Document[Any]) -> Iterator[Deviation]:
    """How a document contradicts the one that the same feed sent before."""
    if before is None or before is document:
        return
    if before.version != document.version:
        change = f"{shown(document.version)} after {shown(before.version)}"
        yield Deviation(document.feed, "", "version", change, Rule.VERSION_STABLE, Action.KEPT)
    updated, updated_before = document.last_updated, before.last_updated
    if updated is None or updated_before is None:
        return
    if updated < updated_before:
        yield _time(document.feed, "", "last_updated", updated, Rule.TIME_FORWARD)
    elif updated == updated_before and document.entities != before.entities:
        yield _time(document.feed, "", "last_updated", updated, Rule.TIME_MOVES)


@dataclass(frozen=True)
class Declared:
    """The stations that station_information declares now; ``virtual`` are those of them without docks."""

    stations: frozenset[str]
    virtual: frozenset[str]


def declared_by(document: Document[Station]) -> Declared:
    """The stations that the document declares."""
    return Declared(
        frozenset(said.station_id for said in document.entities),
        frozenset(said.station_id for said in document.entities if said.is_virtual),
    )


def odd_beside(document: Document[Status], declared: Declared | None) -> Iterator[Deviation]:
    """Where the stations with a status and the declared ones differ; nothing before any was declared."""
    known: Collection[str] = declared.stations if declared else ()
    virtual: Collection[str] = declared.virtual if declared else ()
    # A count that could not be read has been named already.
    unread = {noted.entity for noted in document.deviations if noted.field == "num_docks_available"}
    for said in document.entities:
        if declared and said.station_id not in known:
            yield _station(said.station_id, "the station", Rule.ID_DECLARED, Action.KEPT)
        if said.docks is None and said.station_id not in virtual and said.station_id not in unread:
            yield Deviation(document.feed, said.station_id, "num_docks_available", "None", Rule.DOCKS, Action.UNKNOWN)
    seen = {said.station_id for said in document.entities}
    for station_id in sorted(set(known) - seen):
        yield _station(station_id, "the status", Rule.ID_REPORTED, Action.UNKNOWN)


def gone_or_back(
    document: Document[Status], before: Mapping[str, StationStatus], polled_before: datetime | None
) -> Iterator[Deviation]:
    """Stations of the last observing poll that are gone, and those that are back after it lacked them."""
    if polled_before is None:
        return
    seen = {said.station_id for said in document.entities}
    for station_id, status in before.items():
        was_there = status.polled_at == polled_before
        if was_there is not (station_id in seen):
            since = f"the station, {'gone after' if was_there else 'back after'} {utc_text(status.polled_at)}"
            yield _station(station_id, since, Rule.STATION_STEADY, Action.KEPT)


def _station(station_id: str, what: str, rule: Rule, action: Action) -> Deviation:
    return Deviation(Feed.STATION_STATUS, station_id, "", what, rule, action)


def _time(feed: Feed, entity: str, field: str, time: datetime, rule: Rule) -> Deviation:
    return Deviation(feed, entity, field, shown(time.isoformat()), rule, Action.KEPT)
