"""What the log holds of each system's last poll, read back when a poller starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec

from pipeline.gbfs_model import Feed
from pipeline.model import FeedStatus, Record, StationStatus, SystemInformation, Topic, VehicleStatus, decode
from pipeline.observation import REPUBLISH_AFTER, Published
from pipeline.parked import parked_in
from pipeline.ports import Log, LogBatch, Offsets, StoredRecord

WINDOWS = (timedelta(hours=1), REPUBLISH_AFTER + timedelta(hours=2), timedelta(days=36500))
"""How far to look back, one after the other, until every feed is found; the second holds all declarations of a
poller that ran until lately, the last is the whole log. Vehicles are not worth more than the second: their feed may be
one that never answers."""

SCANNED = (Topic.SYSTEM_INFORMATION, Topic.FEED_STATUS, Topic.NETWORK_STATUS)
"""Small topics; every publish has a record of one of them, so reading them reaches the end of the log."""

BEFORE_LAST_POLL = timedelta(minutes=15)
"""Stations that the last poll lacked are looked for so far before it, for their ``seen_before``."""

PUBLISH_SPAN = timedelta(minutes=1)
"""The records of one publish are appended at most so far apart (on an engine with partitions)."""

QUIET_SECONDS = 2.0
"""A log that says nothing for so long has been read to its end."""

logger = logging.getLogger(__name__)


@dataclass
class LastPolls:
    """``systems`` holds the newest declaration of each system by its id, ``published`` what its last poll said."""

    systems: dict[str, SystemInformation] = field(default_factory=dict)
    published: dict[str, Published] = field(default_factory=dict)

    def system_of(self, feed_url: str) -> SystemInformation | None:
        """The system that was last polled from this URL; None when there is none, or more than one."""
        found = [system for system in self.systems.values() if system.feed_url == feed_url]
        return found[0] if len(found) == 1 else None


class _Observing(NamedTuple):
    """A fetch that observed, and when the log took it."""

    status: FeedStatus
    appended_at: datetime


class _Scan(msgspec.Struct):
    """The newest by ``polled_at``: a replay may have appended older polls later. ``with_vehicles`` are
    the systems whose vehicle feed was asked, whatever it answered."""

    systems: dict[str, SystemInformation] = {}
    stations: dict[str, _Observing] = {}
    vehicles: dict[str, _Observing] = {}
    with_vehicles: set[str] = set()

    def take(self, stored: StoredRecord) -> None:
        record = _decoded(stored)
        if isinstance(record, SystemInformation):
            if _is_newer(record, self.systems.get(record.system_id)):
                self.systems[record.system_id] = record
        elif isinstance(record, FeedStatus) and record.feed == Feed.STATION_STATUS:
            _keep_newest(self.stations, _Observing(record, stored.appended_at))
        elif isinstance(record, FeedStatus) and record.feed == Feed.VEHICLE_STATUS:
            self.with_vehicles.add(record.system_id)
            _keep_newest(self.vehicles, _Observing(record, stored.appended_at))

    def is_whole(self, feed_urls: Collection[str], *, with_vehicles: bool) -> bool:
        lacking = self.with_vehicles - self.vehicles.keys() if with_vehicles else set()
        known = self.stations.keys() - lacking
        found = {system.feed_url for system in self.systems.values() if system.system_id in known}
        return found.issuperset(feed_urls)


def _keep_newest(found: dict[str, _Observing], fetch: _Observing) -> None:
    known = found.get(fetch.status.system_id)
    if fetch.status.is_observing and _is_newer(fetch.status, known and known.status):
        found[fetch.status.system_id] = fetch


async def last_polls(log: Log, feed_urls: Collection[str]) -> LastPolls:
    """The last polls in the log; looks no farther back than the systems polled from ``feed_urls`` need.

    Raises LogError.
    """
    scan = _Scan()
    for window in WINDOWS:
        scan = await _scan(log, window)
        if scan.is_whole(feed_urls, with_vehicles=window is WINDOWS[0]):
            break
    published = {system_id: await _published(log, observing) for system_id, observing in scan.stations.items()}
    vehicles = await _vehicles(log, scan.vehicles)
    for system_id, seen in vehicles.items():
        before = published.get(system_id, Published())
        published[system_id] = replace(before, parked=parked_in(seen.values()))
    return LastPolls(scan.systems, published)


async def _scan(log: Log, window: timedelta) -> _Scan:
    scan = _Scan()
    start = await log.offsets_at(SCANNED, datetime.now(UTC) - window)
    end = await log.end_offsets(SCANNED)
    async for batch in _batches(log, SCANNED, start, end):
        for stored in batch.records:
            if stored.topic != Topic.NETWORK_STATUS:
                scan.take(stored)
    return scan


async def _published(log: Log, last: _Observing) -> Published:
    """What the log holds of a system's stations up to its last observing poll."""
    observing, appended_at = last
    published = Published(stations_expected=observing.entities_expected, polled_at=observing.polled_at)
    if not observing.entities:
        return published
    topics = (Topic.STATION_STATUS,)
    start = await log.offsets_at(topics, appended_at - BEFORE_LAST_POLL)
    end = await log.end_offsets(topics)
    statuses: dict[str, StationStatus] = {}
    async for batch in _batches(log, topics, start, end):
        for stored in batch.records:
            record = _decoded(stored) if stored.appended_at <= appended_at + PUBLISH_SPAN else None
            if not isinstance(record, StationStatus) or record.system_id != observing.system_id:
                continue
            if record.polled_at <= observing.polled_at and _is_newer(record, statuses.get(record.station_id)):
                statuses[record.station_id] = record
        # A batch never cuts a publish in two.
        is_past = bool(batch.records) and batch.records[-1].appended_at > appended_at + PUBLISH_SPAN
        if is_past or len(_of(statuses, observing)) == observing.entities:
            break
    return replace(published, statuses=statuses)


async def _vehicles(log: Log, last: Mapping[str, _Observing]) -> dict[str, dict[str, VehicleStatus]]:
    """The vehicles of each system's last poll that observed them, by system and id."""
    found: dict[str, dict[str, VehicleStatus]] = {system_id: {} for system_id in last}
    for run in _runs(last.values()):
        await _read_vehicles(log, run, found)
    return found


def _runs(observing: Iterable[_Observing]) -> list[list[_Observing]]:
    """Those that lie close together in the log, to be read at one go: with many systems nearly all do."""
    ordered = sorted(observing, key=lambda one: one.appended_at)
    runs = [ordered[:1]] if ordered else []
    for before, after in pairwise(ordered):
        if after.appended_at - before.appended_at > PUBLISH_SPAN:
            runs.append([])
        runs[-1].append(after)
    return runs


async def _read_vehicles(log: Log, run: Sequence[_Observing], found: Mapping[str, dict[str, VehicleStatus]]) -> None:
    wanted = {one.status.system_id: one.status for one in run if one.status.entities}
    if not wanted:
        return
    topics = (Topic.VEHICLE_STATUS,)
    start = await log.offsets_at(topics, run[0].appended_at - PUBLISH_SPAN)
    end = await log.end_offsets(topics)
    async for batch in _batches(log, topics, start, end):
        for stored in batch.records:
            record = _decoded(stored)
            if isinstance(record, VehicleStatus) and _is_of(record, wanted.get(record.system_id)):
                found[record.system_id][record.vehicle_id] = record
        is_past = bool(batch.records) and batch.records[-1].appended_at > run[-1].appended_at + PUBLISH_SPAN
        if is_past or all(len(found[key]) == status.entities for key, status in wanted.items()):
            return


def _is_of(record: VehicleStatus, observing: FeedStatus | None) -> bool:
    return observing is not None and record.polled_at == observing.polled_at


def _is_newer(record: Record, known: Record | None) -> bool:
    return known is None or record.polled_at >= known.polled_at


def _of(statuses: Mapping[str, StationStatus], observing: FeedStatus) -> list[StationStatus]:
    return [status for status in statuses.values() if status.polled_at == observing.polled_at]


async def _batches(log: Log, topics: Collection[str], start: Offsets, end: Offsets) -> AsyncIterator[LogBatch]:
    """The batches from ``start`` to ``end``, and what more comes with the last."""
    position = dict(start)
    async with aclosing(log.subscribe(tuple(topics), start)) as batches:
        while any(position.get(part, 0) < offset for part, offset in end.items()):
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    batch = await anext(batches)
            except TimeoutError:
                return
            position.update(batch.offsets)
            yield batch


def _decoded(stored: StoredRecord) -> Record | None:
    try:
        return decode(stored.topic, stored.value)
    except msgspec.MsgspecError as error:
        logger.warning("log %s offset %d: the record can't be read. %s", stored.topic, stored.offset, error)
        return None
