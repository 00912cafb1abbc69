"""The live table: the newest state of every system, and what changed when.

The relay is the only writer, in the event loop; a publish is applied in one piece, so that every reader sees
whole polls. Two counts say when a station changed: ``sequence``, which lives as long as the process and is all
that a subscriber keeps, and the log's offsets, which outlive it and make the cursors (`backend/cursor.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from backend.pulse import Pulse
from backend.seen_capacity import SeenCapacity
from pipeline.model import (
    FeedStatus,
    NetworkStatus,
    Record,
    StationInformation,
    StationStatus,
    SystemInformation,
    Topic,
    VehicleStatus,
)
from pipeline.ports import TopicPartition

STATION_TOPICS = frozenset({Topic.STATION_INFORMATION, Topic.STATION_STATUS, Topic.FEED_STATUS})
"""The topics whose offsets say when a station changed; a poll that saw no station is in feed_status alone."""

VEHICLE_FEEDS = frozenset({"vehicle_status", "free_bike_status"})

NEVER = datetime.min.replace(tzinfo=UTC)
ALWAYS = datetime.max.replace(tzinfo=UTC)


class Applied(NamedTuple):
    """A record, and where in the log it lies."""

    partition: TopicPartition
    offset: int
    record: Record


@dataclass
class LiveSystem:
    """What is known of one system now; changed by the relay only, in the event loop.

    ``stations`` and ``statuses`` are by station id, ``feeds`` by feed name, and ``vehicles`` by vehicle id: those of
    the newest poll that carried the vehicle feed. ``capacities`` is the observed capacity of each station, as last
    computed. ``polled_at`` is the newest poll that observed the stations, ``as_of`` the instant for which
    the states were last judged, and ``expired`` the stations that were unknown by then, each with the instant at
    which its observation became too old (NEVER where the newest poll did not see it, ALWAYS where that is all we know).
    ``memo`` is free for what readers derive from the stations; it is emptied when they change. ``moved_at`` is the
    newest poll in which a count was another than before, ``still_seconds`` the time since then that was observed, and
    ``frozen`` a sentence when they should have moved and have not. ``observed`` holds the newest fetch of each feed
    that observed. ``changed``, ``network_changed`` and ``health_changed`` wake those who wait.
    """

    information: SystemInformation | None = None
    stations: dict[str, StationInformation] = field(default_factory=dict)
    statuses: dict[str, StationStatus] = field(default_factory=dict)
    vehicles: dict[str, VehicleStatus] = field(default_factory=dict)
    feeds: dict[str, FeedStatus] = field(default_factory=dict)
    observed: dict[str, FeedStatus] = field(default_factory=dict)
    network: NetworkStatus | None = None
    capacities: dict[str, SeenCapacity] = field(default_factory=dict)

    polled_at: datetime | None = None
    vehicles_polled_at: datetime = NEVER
    moved_at: datetime | None = None
    still_seconds: float = 0.0
    frozen: str | None = None
    as_of: datetime = NEVER
    expired: dict[str, datetime] = field(default_factory=dict)
    sequence: int = 0
    changed: Pulse = field(default_factory=Pulse)
    network_changed: Pulse = field(default_factory=Pulse)
    health_changed: Pulse = field(default_factory=Pulse)
    memo: dict[Hashable, object] = field(default_factory=dict)

    _changes: dict[str, int] = field(default_factory=dict)
    _marks: dict[TopicPartition, dict[str, int]] = field(default_factory=dict)
    _logged: dict[tuple[type[Record], str], Record] = field(default_factory=dict)
    _next_expiry: datetime = NEVER

    def apply(self, publish: Sequence[Applied], now: datetime) -> bool:
        """Take the records of one publish; older ones than those known never win.

        Says whether there is news of the stations: a change, or a newer poll that saw none.
        """
        polled_at = self.polled_at
        changed: list[str] = []
        for partition, offset, record in publish:
            match record:
                case StationStatus():
                    changed += self._apply_status(record, partition, offset)
                case StationInformation():
                    changed += self._apply_station(record, partition, offset)
                case VehicleStatus():
                    self._apply_vehicle(record)
                case FeedStatus():
                    self._apply_feed(record)
                case NetworkStatus() if self.network is None or record.polled_at > self.network.polled_at:
                    self.network = record
                case SystemInformation() if not self.information or record.polled_at >= self.information.polled_at:
                    self.information = record
        if self.polled_at != polled_at:
            self._stand(polled_at, publish)
            changed += self._miss(publish)
        changed += self._expire(now)
        return self._note(changed, is_news=self.polled_at != polled_at)

    def load(self, statuses: Iterable[StationStatus], feeds: Iterable[FeedStatus], now: datetime) -> None:
        """Start from records that were kept, before any is taken from the log."""
        self.statuses = {status.station_id: status for status in statuses}
        self.polled_at = max((status.polled_at for status in self.statuses.values()), default=None)
        for feed in feeds:
            self._apply_feed(feed)
        self.expired = dict.fromkeys(self._unseen(), ALWAYS)
        self._expire(now)

    def sweep(self, now: datetime) -> bool:
        """Judge the states for ``now``; says whether a station's observation became too old."""
        expired = self._expire(now) if now >= self._next_expiry else []
        self.as_of = max(self.as_of, now)
        return self._note(expired, is_news=False)

    def since(self, sequence: int) -> list[str]:
        """The stations that changed after ``sequence``, the one that changed first coming first."""
        found = []
        for station_id, changed in reversed(self._changes.items()):
            if changed <= sequence:
                break
            found.append(station_id)
        return found[::-1]

    def since_offsets(self, offsets: Mapping[TopicPartition, int], as_of: datetime) -> set[str]:
        """The stations that changed at or after ``offsets``, or whose observation became too old after ``as_of``."""
        changed = {
            station_id
            for partition, marks in self._marks.items()
            for station_id, offset in marks.items()
            if offset >= offsets[partition]
        }
        return changed | {station_id for station_id, expired_at in self.expired.items() if expired_at > as_of}

    def _apply_status(self, record: StationStatus, partition: TopicPartition, offset: int) -> list[str]:
        if not self._is_first(record, record.station_id):
            return []
        marks = self._marks.setdefault(partition, {})
        known = self.statuses.get(record.station_id)
        is_expired = record.station_id in self.expired
        if is_expired or record.changed or _follows_gap(record) or (known and _differs(known, record)):
            marks[record.station_id] = offset
        if known and record.polled_at < known.polled_at:
            return []
        if known and _differs(known, record):
            self.moved_at = record.polled_at
        self.statuses[record.station_id] = record
        self.polled_at = max(self.polled_at or NEVER, record.polled_at)
        is_known_again = self._recovers(record)
        return [record.station_id] if is_known_again or known is None or _differs(known, record) else []

    def _recovers(self, record: StationStatus) -> bool:
        is_fresh = record.polled_at == self.polled_at and _expiry(record) > self.as_of
        return is_fresh and self.expired.pop(record.station_id, None) is not None

    def _apply_station(self, record: StationInformation, partition: TopicPartition, offset: int) -> list[str]:
        logged = self._logged.get((StationInformation, record.station_id))
        if not self._is_first(record, record.station_id):
            return []
        marks = self._marks.setdefault(partition, {})
        if not isinstance(logged, StationInformation) or _restated(logged, record) != record:
            marks[record.station_id] = offset
        known = self.stations.get(record.station_id)
        if known and record.polled_at < known.polled_at:
            return []
        self.stations[record.station_id] = record
        return [record.station_id] if known is None or _restated(known, record) != record else []

    def _apply_vehicle(self, record: VehicleStatus) -> None:
        self._open_vehicle_poll(record.polled_at)
        if record.polled_at == self.vehicles_polled_at:
            self.vehicles[record.vehicle_id] = record

    def _open_vehicle_poll(self, polled_at: datetime) -> None:
        if polled_at > self.vehicles_polled_at:
            self.vehicles, self.vehicles_polled_at = {}, polled_at

    def _apply_feed(self, record: FeedStatus) -> None:
        known = self.feeds.get(record.feed)
        if known is None or record.polled_at > known.polled_at:
            self.feeds[record.feed] = record
            if record.is_observing:
                self.observed[record.feed] = record
        if record.is_observing and record.feed in VEHICLE_FEEDS:
            self._open_vehicle_poll(record.polled_at)
        if record.is_observing and record.feed == "station_status":
            self.polled_at = max(self.polled_at or NEVER, record.polled_at)

    def _is_first(self, record: Record, entity_id: str) -> bool:
        """Whether the log tells this for the first time: a poll can be in it twice, and out of order."""
        known = self._logged.get((type(record), entity_id))
        if known is not None and record.polled_at <= known.polled_at:
            return False
        self._logged[type(record), entity_id] = record
        return True

    def _miss(self, publish: Sequence[Applied]) -> list[str]:
        """The stations that were known until this poll, the newest, did not see them."""
        witness = next(applied for applied in publish if isinstance(applied.record, StationStatus | FeedStatus))
        marks = self._marks.setdefault(witness.partition, {})
        missed = [station_id for station_id in self._unseen() if station_id not in self.expired]
        self.expired.update(dict.fromkeys(missed, NEVER))
        marks.update(dict.fromkeys(missed, witness.offset))
        return missed

    def _stand(self, before: datetime | None, publish: Sequence[Applied]) -> None:
        """The counts have stood still for some more observed time, or have moved."""
        if self.moved_at == self.polled_at:
            self.still_seconds, self.frozen = 0.0, None
        elif before is not None and self.polled_at is not None:
            gap = (self.polled_at - before).total_seconds()
            holds = [one.record.hold_seconds for one in publish if isinstance(one.record, StationStatus)]
            self.still_seconds += min([gap, *holds])

    def _unseen(self) -> list[str]:
        newest = self.polled_at or NEVER
        return [station_id for station_id, status in self.statuses.items() if status.polled_at < newest]

    def _expire(self, now: datetime) -> list[str]:
        self.as_of = max(self.as_of, now)
        standing = [(key, _expiry(status)) for key, status in self.statuses.items() if key not in self.expired]
        found = {station_id: expiry for station_id, expiry in standing if expiry <= now}
        self.expired.update(found)
        self._next_expiry = min((expiry for _, expiry in standing if expiry > now), default=ALWAYS)
        return list(found)

    def _note(self, changed: Iterable[str], *, is_news: bool) -> bool:
        stations = dict.fromkeys(changed)
        if not stations and not is_news:
            return False
        self.sequence += 1
        for station_id in stations:
            self._changes.pop(station_id, None)
            self._changes[station_id] = self.sequence
        self.memo.clear()
        return True


@dataclass
class LiveTable:
    """All systems, by system id.

    ``positions`` is how far the log was applied, ``floor`` from where it was read; ``current`` is set once the
    table has caught up with the log.
    """

    systems: dict[str, LiveSystem] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    floor: dict[TopicPartition, int] = field(default_factory=dict)
    current: asyncio.Event = field(default_factory=asyncio.Event)

    def system(self, system_id: str) -> LiveSystem:
        """The system, made when it is new."""
        return self.systems.setdefault(system_id, LiveSystem())


def _expiry(status: StationStatus) -> datetime:
    return status.polled_at + timedelta(seconds=status.hold_seconds)


def _follows_gap(record: StationStatus) -> bool:
    return record.seen_before is None or record.polled_at >= record.seen_before + timedelta(seconds=record.hold_seconds)


def _differs(known: StationStatus, record: StationStatus) -> bool:
    return _content(known) != _content(record)


def _content(status: StationStatus) -> tuple[object, ...]:
    return (
        status.bikes,
        status.docks,
        status.bikes_disabled,
        status.docks_disabled,
        status.is_installed,
        status.is_renting,
        status.is_returning,
    )


def _restated(known: StationInformation, record: StationInformation) -> StationInformation:
    """``known`` as if it had been said in the poll of ``record``."""
    return replace(known, polled_at=record.polled_at)
