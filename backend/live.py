"""The live table: the newest state of every system, kept current by the relay."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.model import (
    FeedStatus,
    NetworkStatus,
    StationInformation,
    StationStatus,
    SystemInformation,
    VehicleStatus,
)


@dataclass
class LiveSystem:
    """What is known of one system now; changed by the relay only, in the event loop.

    ``stations`` and ``statuses`` are by station id, ``feeds`` by feed name, and ``vehicles`` by vehicle id: those of
    the newest poll that carried the vehicle feed. ``capacities`` is the observed capacity of each station, in docks,
    as last computed.
    """

    information: SystemInformation | None = None
    stations: dict[str, StationInformation] = field(default_factory=dict)
    statuses: dict[str, StationStatus] = field(default_factory=dict)
    vehicles: dict[str, VehicleStatus] = field(default_factory=dict)
    feeds: dict[str, FeedStatus] = field(default_factory=dict)
    network: NetworkStatus | None = None
    capacities: dict[str, int] = field(default_factory=dict)


@dataclass
class LiveTable:
    """All systems, by system id."""

    systems: dict[str, LiveSystem] = field(default_factory=dict)
