"""The records that travel through Bikewire: what one poll of one system says about the world.

Every record is flat, names the system it belongs to and carries ``polled_at``, the instant of its poll,
which is the time axis of every metric. ``None`` is "the feed does not say"; it is never written as 0.
All times are aware and UTC, cut to milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec


class Topic(StrEnum):
    """A stream of records in the log; all records of one system keep their order within a topic."""

    SYSTEM_INFORMATION = "system_information"
    STATION_INFORMATION = "station_information"
    STATION_STATUS = "station_status"
    VEHICLE_STATUS = "vehicle_status"
    FEED_STATUS = "feed_status"
    NETWORK_STATUS = "network_status"


class FeedState(StrEnum):
    """What became of one fetch of one feed. Only the first two observe the world."""

    OK = "OK"
    NOT_MODIFIED = "NOT_MODIFIED"
    STALE = "STALE"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"


class StationState(StrEnum):
    """A station's state; `station_state` gives the rule."""

    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    CLOSED = "CLOSED"
    UNKNOWN = "UNKNOWN"
    EMPTY = "EMPTY"
    FULL = "FULL"
    NEARLY_EMPTY = "NEARLY_EMPTY"
    NEARLY_FULL = "NEARLY_FULL"
    NORMAL = "NORMAL"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What all records share."""

    system_id: str
    polled_at: datetime

    @property
    def key(self) -> str:
        """The record's key in its topic: what a compacted topic keeps the newest of."""
        return self.system_id


class SystemInformation(Record, frozen=True, kw_only=True):
    """A bike-share system, published when it changes and at start (GBFS system_information)."""

    name: str
    time_zone: str
    operator: str | None = None
    language: str | None = None
    feed_url: str | None = None


class StationInformation(Record, frozen=True, kw_only=True):
    """A station as declared (GBFS station_information); ``capacity`` is the declared one, in docks."""

    station_id: str
    name: str
    lat: float
    lon: float
    capacity: int | None = None
    address: str | None = None
    is_virtual: bool = False

    @property
    def key(self) -> str:
        return f"{self.system_id}/{self.station_id}"


class StationStatus(Record, frozen=True, kw_only=True):
    """One station in one poll (GBFS station_status).

    ``changed`` says that the record differs from the station's record in the poll before (or that there was
    none); ``seen_before`` is the instant of the station's observation before this one. The state holds for
    at most ``hold_seconds`` after ``polled_at``: later than that, the station's state is unknown.
    """

    station_id: str
    bikes: int | None
    docks: int | None
    bikes_disabled: int | None = None
    docks_disabled: int | None = None
    is_installed: bool
    is_renting: bool
    is_returning: bool
    last_reported: datetime | None = None
    changed: bool
    seen_before: datetime | None = None
    hold_seconds: float
    stations_in_poll: int

    @property
    def key(self) -> str:
        return f"{self.system_id}/{self.station_id}"


class VehicleStatus(Record, frozen=True, kw_only=True):
    """One vehicle in one poll (GBFS vehicle_status, free_bike_status before 3.0).

    ``station_id`` is None for a vehicle outside a station (missing, null and "" alike); ``range_meters`` is
    what is left to ride; ``charge`` is a share of a full battery, 0 to 1. ``still_since`` is the first of the polls,
    each of which saw the vehicle outside a station, unreserved, and where the one before saw it; None otherwise.
    """

    vehicle_id: str
    lat: float | None
    lon: float | None
    station_id: str | None = None
    is_reserved: bool
    is_disabled: bool
    vehicle_type_id: str | None = None
    range_meters: float | None = None
    charge: float | None = None
    last_reported: datetime | None = None
    still_since: datetime | None = None
    hold_seconds: float
    vehicles_in_poll: int

    @property
    def key(self) -> str:
        return f"{self.system_id}/{self.vehicle_id}"


class FeedStatus(Record, frozen=True, kw_only=True):
    """What happened to one fetch of one feed.

    ``is_observing`` says that this poll carries the feed's records, ``entities`` of them (0 is an answer);
    ``entities_expected`` is the number of stations that station_information declares, for station_status, and
    ``has_vehicle_feed`` whether the system publishes its vehicles too, also for station_status (None: not known).
    ``reason`` is one sentence when the feed was not taken. ``deviations`` counts what was repaired or refused
    inside the document; ``deviations_by_rule`` is JSON text: ``{rule: {"count": n, "example": sentence}}``.
    """

    feed: str
    state: FeedState
    is_observing: bool
    entities: int | None = None
    entities_expected: int | None = None
    reason: str | None = None
    http_status: int | None = None
    latency_ms: float | None = None
    bytes: int | None = None
    last_updated: datetime | None = None
    ttl_seconds: float | None = None
    interval_seconds: float
    hold_seconds: float
    deviations: int = 0
    deviations_by_rule: str | None = None
    has_vehicle_feed: bool | None = None

    @property
    def key(self) -> str:
        return f"{self.system_id}/{self.feed}"


class NetworkStatus(Record, frozen=True, kw_only=True):
    """The network's totals in one poll, counted by Spark.

    ``bikes`` and ``docks`` count what stations report, whatever their flags. ``empty`` and ``full`` count their
    conditions, so a station with neither bikes nor docks is in both; ``unusable`` those at which one can't rent or
    can't return. ``imbalance`` is the share of the bikes to be moved for all stations to be equally full, 0 to 1; None
    without bikes. ``fleet`` is the bikes at stations, disabled ones too, and the vehicles outside. What is said of
    vehicles is None when the poll carried no vehicle feed; the quartiles are of the charges that are known, 0 to 1.
    """

    stations_expected: int
    stations_reporting: int
    bikes: int
    docks: int
    bikes_disabled: int
    docks_disabled: int
    stations_empty: int
    stations_nearly_empty: int
    stations_full: int
    stations_nearly_full: int
    stations_closed: int
    stations_unknown: int
    vehicles_outside_stations: int | None = None
    vehicles_reserved: int | None = None
    vehicles_disabled: int | None = None
    stations_unusable: int | None = None
    imbalance: float | None = None
    fleet: int | None = None
    vehicles_abandoned: int | None = None
    vehicles_low_charge: int | None = None
    charge_low_quartile: float | None = None
    charge_median: float | None = None
    charge_high_quartile: float | None = None
    hold_seconds: float


RECORDS: dict[Topic, type[Record]] = {
    Topic.SYSTEM_INFORMATION: SystemInformation,
    Topic.STATION_INFORMATION: StationInformation,
    Topic.STATION_STATUS: StationStatus,
    Topic.VEHICLE_STATUS: VehicleStatus,
    Topic.FEED_STATUS: FeedStatus,
    Topic.NETWORK_STATUS: NetworkStatus,
}

TOPIC_OF: dict[type[Record], Topic] = {record: topic for topic, record in RECORDS.items()}

_ENCODER = msgspec.json.Encoder()
_DECODERS = {topic: msgspec.json.Decoder(record) for topic, record in RECORDS.items()}


def encode(record: Record) -> bytes:
    """The record as the log keeps it: flat JSON, times in ISO 8601 UTC."""
    return _ENCODER.encode(record)


def decode(topic: str, value: bytes) -> Record:
    """The record in a log's value; raises msgspec.DecodeError or msgspec.ValidationError."""
    return _DECODERS[Topic(topic)].decode(value)


def milliseconds(instant: datetime) -> datetime:
    """The instant in UTC, cut to the milliseconds that records carry."""
    utc = instant.astimezone(UTC)
    beyond = utc.microsecond % 1000
    return utc - timedelta(microseconds=beyond) if beyond else utc


def utc_text(instant: datetime) -> str:
    """The instant in RFC 3339, in UTC, to the second."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Thresholds(msgspec.Struct, frozen=True):
    """Up to how many bikes or docks a station counts as nearly empty or nearly full, up to which share of a full
    battery a charge is low, and from how many hours on an unmoved vehicle outside stations is abandoned."""

    nearly_empty: int = 3
    nearly_full: int = 3
    low_charge: float = 0.2
    abandoned_hours: float = 24


def station_state(status: StationStatus | None, now: datetime, thresholds: Thresholds) -> StationState:
    """The state of a station at ``now``, by the first rule that fits; None is a station never seen."""
    if status is None:
        return StationState.UNKNOWN
    if not status.is_installed:
        return StationState.OUT_OF_SERVICE
    if not (status.is_renting or status.is_returning):
        return StationState.CLOSED
    if now >= status.polled_at + timedelta(seconds=status.hold_seconds):
        return StationState.UNKNOWN
    return _stocked_state(status, thresholds)


def _stocked_state(status: StationStatus, thresholds: Thresholds) -> StationState:
    bikes, docks = status.bikes, status.docks
    if status.is_renting and bikes == 0:
        return StationState.EMPTY
    if status.is_returning and docks == 0:
        return StationState.FULL
    if bikes is not None and bikes <= thresholds.nearly_empty:
        return StationState.NEARLY_EMPTY
    if docks is not None and docks <= thresholds.nearly_full:
        return StationState.NEARLY_FULL
    return StationState.UNKNOWN if bikes is None and docks is None else StationState.NORMAL


def is_abandoned(vehicle: VehicleStatus, thresholds: Thresholds) -> bool | None:
    """Whether a vehicle outside stations had stood still for long when it was seen; None: not known."""
    if vehicle.still_since is not None:
        return vehicle.polled_at - vehicle.still_since >= timedelta(hours=thresholds.abandoned_hours)
    return False if vehicle.station_id is not None or vehicle.is_reserved else None
