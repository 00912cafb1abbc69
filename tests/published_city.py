"""A city of four stations, published to a log as a poller does, and what the pipeline would have computed of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.model import TOPIC_OF, Record, SystemInformation, Topic, encode, milliseconds
from pipeline.ports import LogRecord
from pipeline.settings import Settings
from pipeline.tables import STATION_DAY, STATION_HISTORY, STATION_HOUR, TABLES, Table
from pipeline.wiring import open_log, open_store
from tests.small_city import SYSTEM, feed, information, network, status

EVIL = '<img src=x onerror="window.evil=1">'
PLACES = {
    "g": ("Gare", 48.388, -4.480),
    "l": ("Liberté", 48.390, -4.486),
    "o": ("Océan", 48.384, -4.450),
    "e": (EVIL, 48.395, -4.470),
}
BIKES = {"g": 0, "l": 5, "o": 2, "e": 7}


@dataclass
class City:
    """Publishes polls of four stations as a poller does, and knows where its data are."""

    settings: Settings
    hold_seconds: float = 180.0
    bikes: dict[str, int] = field(default_factory=lambda: dict(BIKES))
    polled_at: datetime | None = None

    def begin(self) -> None:
        """The system, its stations and a first poll."""
        at = milliseconds(datetime.now(UTC))
        system = SystemInformation(system_id=SYSTEM, polled_at=at, name="Vélo de Brest", time_zone="Europe/Paris")
        self.publish(system, *(information(station_id, *place, 12) for station_id, place in PLACES.items()))
        self.poll()

    def poll(self, **bikes: int) -> None:
        """A poll in which these stations have changed; the station_status and its totals."""
        before, self.polled_at = self.polled_at, milliseconds(datetime.now(UTC))
        self.bikes |= bikes
        more: dict[str, Any] = {
            "hold_seconds": self.hold_seconds,
            "stations_in_poll": len(PLACES),
            "seen_before": before,
        }
        records = [
            status(name, count, 12 - count, self.polled_at, changed=before is None or name in bikes, **more)
            for name, count in self.bikes.items()
        ]
        totals = {
            "stations_expected": len(PLACES),
            "stations_reporting": len(PLACES),
            "bikes": sum(self.bikes.values()),
        }
        counted = network(self.polled_at, **totals)
        self.publish(*records, feed("station_status", polled_at=self.polled_at), counted)

    def publish(self, *records: Record) -> None:
        asyncio.run(self._publish(records))

    async def _publish(self, records: tuple[Record, ...]) -> None:
        async with open_log(self.settings.log) as log:
            await log.create(list(Topic))
            await log.publish(
                SYSTEM, [LogRecord(TOPIC_OF[type(record)], record.key, encode(record)) for record in records]
            )

    def write(self, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
        """Rows that the pipeline has computed."""
        asyncio.run(self._write(rows))

    async def _write(self, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
        async with open_store(self.settings.store) as store:
            await store.create(TABLES)
            await store.write(rows)


def past(now: datetime) -> dict[Table, list[dict[str, Any]]]:
    """Two hours seen, two not; and an hour's figures."""
    place = {"system_id": SYSTEM, "station_id": "l"}
    seen = {"is_installed": True, "is_renting": True, "is_returning": True, "docks": 8, "hold_seconds": 180.0}
    times = [now - timedelta(hours=hours) for hours in (6, 2)]
    history: list[dict[str, Any]] = [
        place | seen | {"month": at.year * 100 + at.month, "polled_at": at, "bikes": 4, "seen_before": before}
        for at, before in zip(times, (None, times[0] + timedelta(hours=2)), strict=True)
    ]
    local = now.astimezone(ZoneInfo("Europe/Paris")).replace(minute=0, second=0, microsecond=0)
    figures = {"bikes_mean": 4.5, "docks_mean": 7.5, "empty_seconds": 450.0, "full_seconds": 0.0, "closed_seconds": 0.0}
    when = {"date": local.date(), "hour": local.hour, "start": local.astimezone(UTC)}
    hour = place | when | figures | {"observed_seconds": 1800.0, "coverage": 0.5}
    day = {name: value for name, value in hour.items() if name not in {"start", "hour"}} | {"capacity_seen": 14}
    return {STATION_HISTORY: history, STATION_HOUR: [hour], STATION_DAY: [day]}
