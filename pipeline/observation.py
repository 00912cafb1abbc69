"""From the documents of one poll to its records, sans I/O; poller and replay both go this way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipeline.coherence import Declared, declared_by, gone_or_back, odd_beside
from pipeline.deviations import Action, Deviation, Rule, shown, summary
from pipeline.gbfs_model import Document, Feed, Link, Station, Status, System, Vehicle
from pipeline.model import (
    TOPIC_OF,
    FeedStatus,
    Record,
    StationInformation,
    StationStatus,
    SystemInformation,
    VehicleStatus,
    encode,
    milliseconds,
)
from pipeline.parked import Parked, parked_in, vehicle_records
from pipeline.ports import LogRecord
from pipeline.reading import Fetch, Reader, Reading
from pipeline.settings import Settings

REPUBLISH_AFTER = timedelta(hours=24)
"""Declarations are published again after this, so that the log's retention never takes the last of them."""

_NEVER = datetime.min.replace(tzinfo=UTC)

FORGET_AFTER = timedelta(hours=24)
"""A station that was not seen for so long is new when it comes back."""


@dataclass(frozen=True)
class Published:
    """What of a system is in the log: against this the next poll's changes are set.

    ``statuses`` holds the newest record of each station, ``polled_at`` is the last poll that observed stations;
    ``parked`` are the vehicles that stood still in the last poll that observed vehicles.
    """

    system: SystemInformation | None = None
    stations: Mapping[str, StationInformation] = field(default_factory=dict)
    stations_expected: int | None = None
    statuses: Mapping[str, StationStatus] = field(default_factory=dict)
    polled_at: datetime | None = None
    parked: Mapping[str, Parked] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """The records of one poll. ``published`` is what the log holds once they are in it.

    ``links`` are those of the discovery document, when the poll read one.
    """

    polled_at: datetime
    records: tuple[Record, ...]
    published: Published
    feeds: Mapping[Feed, FeedStatus]
    links: tuple[Link, ...] | None = None

    def log_records(self) -> list[LogRecord]:
        """The records as the log takes them, in one publish."""
        return [LogRecord(TOPIC_OF[type(record)], record.key, encode(record)) for record in self.records]


class Observer:
    """Turns the polls of one system into records.

    `keep` is to be given each observation whose records are in the log: what could not be published must not
    count as seen.
    """

    def __init__(
        self,
        system_id: str,
        settings: Settings,
        *,
        feed_url: str | None = None,
        known_system: SystemInformation | None = None,
        published: Published | None = None,
    ) -> None:
        """``known_system`` is published as long as the feed itself does not say what the system is."""
        self.system_id = system_id
        self.published = published or Published()
        # Whoever reads records must find the system that they belong to.
        self._default = known_system or SystemInformation(
            system_id=system_id, polled_at=_NEVER, name=system_id, time_zone="UTC", feed_url=feed_url
        )
        self._feed_url = feed_url
        self._settings = settings
        self._reader = Reader(settings)
        self._declared_id: str | None = None
        self._declared: Declared | None = None
        self._has_vehicle_feed = False

    def interval_seconds(self, feed: Feed) -> float:
        """How often the feed is to be polled, by the ttl of its newest document."""
        return self._reader.interval_seconds(feed)

    def keep(self, observation: Observation) -> None:
        """The observation's records are in the log."""
        self.published = observation.published

    def observe(
        self, polled_at: datetime, fetches: Mapping[Feed, Fetch], shift: timedelta = timedelta(0)
    ) -> Observation:
        """The records of the poll at ``polled_at``; the documents' times are moved by ``shift``."""
        polled_at = milliseconds(polled_at)
        readings = {feed: self._reader.read(feed, fetches[feed], polled_at, shift) for feed in Feed if feed in fetches}
        documents = {feed: reading.document for feed, reading in readings.items() if reading.document}
        discovery = documents.get(Feed.DISCOVERY)
        self._has_vehicle_feed = self._lists_vehicles(discovery) or Feed.VEHICLE_STATUS in fetches
        declared, after = self._declare(polled_at, documents)
        statuses = self._statuses(polled_at, documents.get(Feed.STATION_STATUS))
        if Feed.STATION_STATUS in documents:
            after = replace(after, statuses=_newest(after.statuses, statuses, polled_at), polled_at=polled_at)
        vehicles = self._vehicles(polled_at, documents.get(Feed.VEHICLE_STATUS))
        if Feed.VEHICLE_STATUS in documents:
            after = replace(after, parked=parked_in(vehicles))
        feeds = {
            feed: self._feed_status(polled_at, feed, fetches[feed], reading, after)
            for feed, reading in readings.items()
        }
        records = (*declared, *statuses, *vehicles)
        return Observation(
            polled_at, (*records, *feeds.values()), after, feeds, discovery.entities if discovery else None
        )

    def _lists_vehicles(self, discovery: Document[Link] | None) -> bool:
        if discovery is None:
            return self._has_vehicle_feed
        return any(link.feed is Feed.VEHICLE_STATUS for link in discovery.entities)

    def _declare(self, polled_at: datetime, documents: Mapping[Feed, Document[Any]]) -> tuple[list[Record], Published]:
        before = self.published
        declared: list[Record] = []
        system = self._system(polled_at, documents.get(Feed.SYSTEM_INFORMATION))
        if not _stands(before.system, system):
            declared.append(system)
        after = replace(before, system=system if declared else before.system)
        document = documents.get(Feed.STATION_INFORMATION)
        if document is None:
            return declared, after
        self._declared = declared_by(document)
        stations = [self._station(polled_at, station) for station in document.entities]
        new = {one.station_id: one for one in stations if not _stands(before.stations.get(one.station_id), one)}
        after = replace(after, stations={**before.stations, **new}, stations_expected=len(stations))
        return [*declared, *new.values()], after

    def _system(self, polled_at: datetime, document: Document[System] | None) -> SystemInformation:
        if document is None:
            return self.published.system or msgspec.structs.replace(self._default, polled_at=polled_at)
        said = document.entities[0]
        return SystemInformation(
            system_id=self.system_id,
            polled_at=polled_at,
            name=said.name or self.system_id,
            time_zone=said.time_zone,
            operator=said.operator,
            language=said.language,
            feed_url=self._feed_url,
        )

    def _station(self, polled_at: datetime, said: Station) -> StationInformation:
        return StationInformation(
            system_id=self.system_id,
            polled_at=polled_at,
            station_id=said.station_id,
            name=said.name,
            lat=said.lat,
            lon=said.lon,
            capacity=said.capacity,
            address=said.address,
            is_virtual=said.is_virtual,
        )

    def _statuses(self, polled_at: datetime, document: Document[Status] | None) -> list[StationStatus]:
        if document is None:
            return []
        hold = self._hold_seconds(Feed.STATION_STATUS)
        total = len(document.entities)
        return [self._status(polled_at, said, hold, total) for said in document.entities]

    def _status(self, polled_at: datetime, said: Status, hold: float, total: int) -> StationStatus:
        before = self.published.statuses.get(said.station_id)
        return StationStatus(
            system_id=self.system_id,
            polled_at=polled_at,
            station_id=said.station_id,
            bikes=said.bikes,
            docks=said.docks,
            bikes_disabled=said.bikes_disabled,
            docks_disabled=said.docks_disabled,
            is_installed=said.is_installed,
            is_renting=said.is_renting,
            is_returning=said.is_returning,
            last_reported=said.last_reported,
            changed=before is None or before.polled_at != self.published.polled_at or _differs(before, said),
            seen_before=None if before is None else before.polled_at,
            hold_seconds=hold,
            stations_in_poll=total,
        )

    def _vehicles(self, polled_at: datetime, document: Document[Vehicle] | None) -> list[VehicleStatus]:
        if document is None:
            return []
        hold = self._hold_seconds(Feed.VEHICLE_STATUS)
        return vehicle_records(self.system_id, polled_at, document.entities, self.published.parked, hold)

    def _feed_status(
        self, polled_at: datetime, feed: Feed, fetch: Fetch, reading: Reading, after: Published
    ) -> FeedStatus:
        deviations = (*reading.deviations, *self._incoherent(reading.document), *self._renamed(reading.document))
        return FeedStatus(
            system_id=self.system_id,
            polled_at=polled_at,
            feed=feed.value,
            state=reading.state,
            is_observing=reading.document is not None,
            entities=None if reading.document is None else len(reading.document.entities),
            entities_expected=after.stations_expected if feed is Feed.STATION_STATUS else None,
            reason=reading.reason,
            http_status=fetch.http_status,
            latency_ms=fetch.latency_ms,
            bytes=len(fetch.body) or None,
            last_updated=reading.last_updated,
            ttl_seconds=reading.ttl_seconds,
            interval_seconds=self.interval_seconds(feed),
            hold_seconds=self._hold_seconds(feed),
            deviations=len(deviations),
            deviations_by_rule=summary(deviations),
            has_vehicle_feed=self._has_vehicle_feed if feed is Feed.STATION_STATUS else None,
        )

    def _incoherent(self, document: Document[Any] | None) -> Iterator[Deviation]:
        if document is None or document.feed is not Feed.STATION_STATUS:
            return
        yield from odd_beside(document, self._declared)
        yield from gone_or_back(document, self.published.statuses, self.published.polled_at)

    def _renamed(self, document: Document[Any] | None) -> list[Deviation]:
        if document is None or document.feed is not Feed.SYSTEM_INFORMATION:
            return []
        said = document.entities[0].system_id
        self._declared_id = self._declared_id or said
        if said == self._declared_id:
            return []
        return [Deviation(document.feed, "", "system_id", shown(said), Rule.ID_STABLE, Action.REFUSED)]

    def _hold_seconds(self, feed: Feed) -> float:
        return self._settings.hold(self.interval_seconds(feed))


def _stands(before: SystemInformation | StationInformation | None, now: Record) -> bool:
    """Whether what was published before still says the same, and not too long ago."""
    if before is None or now.polled_at >= before.polled_at + REPUBLISH_AFTER:
        return False
    return msgspec.structs.replace(now, polled_at=before.polled_at) == before


def _differs(before: StationStatus, said: Status) -> bool:
    # last_reported is left out: on some platforms it moves with every poll of every station.
    return (
        before.bikes != said.bikes
        or before.docks != said.docks
        or before.is_renting != said.is_renting
        or before.is_returning != said.is_returning
        or before.is_installed != said.is_installed
        or before.bikes_disabled != said.bikes_disabled
        or before.docks_disabled != said.docks_disabled
    )


def _newest(
    before: Mapping[str, StationStatus], now: list[StationStatus], polled_at: datetime
) -> dict[str, StationStatus]:
    newest = {**before, **{status.station_id: status for status in now}}
    if len(newest) == len(now):
        return newest
    return {key: status for key, status in newest.items() if status.polled_at >= polled_at - FORGET_AFTER}
