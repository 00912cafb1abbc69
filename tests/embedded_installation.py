"""An installation on one machine as its processes leave it: a log, a store, and readers that are not at its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pipeline.model import Record, SystemInformation, Topic
from pipeline.ports import Consumed, Log, Offsets, Row, Store
from pipeline.results import TOPICS
from pipeline.tables import STATION_CAPACITY, STATION_HISTORY, STATION_HOUR, STATION_LATEST, SYSTEM, TABLES, Table
from pipeline.wiring import open_log, open_store
from tests.made_polls import HOLD, MINUTE, START, feed, log_records, poll, vehicle
from tests.small_city import network

SYSTEMS = ("brest", "paris")

Read = tuple[str, bytes]
"""Key and value of a record."""


@dataclass(frozen=True)
class Installation:
    """``polls`` polls of two systems; the stream is ``behind`` of them from the end, the lake three times as many."""

    folder: Path
    stations: int
    polls: int
    behind: int

    @property
    def log(self) -> str:
        return f"sqlite:///{self.folder / 'log.sqlite'}"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'store.sqlite'}"

    async def make(self) -> None:
        async with open_log(self.log) as log, open_store(self.store) as store:
            await log.create(list(Topic))
            await store.create(TABLES)
            for number in range(self.polls):
                for name in SYSTEMS:
                    await log.publish(name, log_records(self._poll(name, number)))
                    await log.publish(name, log_records([self._totals(name, number)]))
                for job, behind in (("lake", 3 * self.behind), ("stream", self.behind)):
                    if self.polls - number == behind + 1:
                        await store.write({}, Consumed(job, await log.end_offsets(TOPICS)))
            await store.write(self._rows())

    def _poll(self, system_id: str, number: int) -> list[Record]:
        at = START + number * MINUTE
        records: list[Any] = [
            *poll(at, {f"{station:04}": (number % 9, station % 7) for station in range(self.stations)}),
            *([vehicle("v", None, at), feed("vehicle_status", at, entities=1)] if number % 2 else []),
        ]
        if number == 0:
            records.append(
                SystemInformation(system_id=system_id, polled_at=at, name=system_id, time_zone="Europe/Paris")
            )
        return [msgspec.structs.replace(record, system_id=system_id) for record in records]

    def _totals(self, system_id: str, number: int) -> Record:
        return msgspec.structs.replace(network(START + number * MINUTE, bikes=number), system_id=system_id)

    def _rows(self) -> Mapping[Table, list[Row]]:
        day = date(2026, 3, 2)
        stations = [(name, f"{station:04}") for name in SYSTEMS for station in range(self.stations)]
        keys: list[dict[str, Any]] = [{"system_id": name, "station_id": station} for name, station in stations]
        return {
            SYSTEM: [{"part": "all", "system_id": name, "polled_at": START, "name": name} for name in SYSTEMS],
            STATION_LATEST: [{**key, "polled_at": START, "bikes": 1, "hold_seconds": HOLD} for key in keys],
            STATION_HISTORY: [
                {**key, "month": 202603, "polled_at": START + hour * timedelta(hours=1), "bikes": hour}
                for key in keys
                for hour in range(12)
            ],
            STATION_HOUR: [
                {**key, "date": day, "start": START + hour * timedelta(hours=1), "hour": 18 + hour, "bikes_mean": 0.1}
                for key in keys
                for hour in range(3)
            ],
            STATION_CAPACITY: [{**key, "date": day, "capacity_observed": 20} for key in keys],
        }


async def records(log: Log, start: Offsets) -> dict[tuple[str, str], list[Read]]:
    """What there is from ``start`` to the log's end, by topic and system, in order."""
    found: dict[tuple[str, str], list[Read]] = {}
    ends = await log.end_offsets(list(Topic))
    async with aclosing(log.subscribe(list(Topic), start)) as batches:
        async for batch in batches:
            for record in batch.records:
                found.setdefault((record.topic, record.key.split("/")[0]), []).append((record.key, record.value))
            if all(batch.offsets[place] >= end for place, end in ends.items()):
                break
    return found


async def rows(store: Store) -> dict[str, list[Row]]:
    """All rows, by table."""
    return {
        table.name: [
            row for key in sorted(await store.partitions(table), key=repr) for row in await store.read(table, key)
        ]
        for table in TABLES
    }
