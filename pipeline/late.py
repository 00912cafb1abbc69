"""Late records: the local days that got some after their figures were computed, or that were never computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from pipeline import lake
from pipeline.days import HOUR, UnknownTimeZone, local_day, time_zone
from pipeline.manifest import Manifest, manifest_of
from pipeline.ports import Consumed, Store
from pipeline.tables import BATCH_DAY, LAKE_HOUR, SYSTEM

JOB = "figures"
"""Its consumed offsets say how far the lake was when no day was late."""

DAY = timedelta(days=1)


class LateDay(NamedTuple):
    """A day to compute."""

    system_id: str
    time_zone: str
    date: date


class LateDays:
    """The late days of all systems. It has to be told of whatever this process writes into the lake.

    What was written before this process is looked up once, and only when there may be something late in it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hours: dict[str, dict[datetime, datetime]] = {}
        self._is_caught_up = False

    def note(self, report: lake.LakeReport) -> None:
        """Take what was just written into the lake into account."""
        for (system_id, start), written_at in report.hours.items():
            self._hours.setdefault(system_id, {})[start] = written_at

    async def find(self, now: datetime) -> list[LateDay]:
        """The days that are late and over, the oldest first for each system; none where the time zone is unknown."""
        end = await self._store.offsets(lake.JOB)
        self._is_caught_up = self._is_caught_up or end == await self._store.offsets(JOB)
        found: list[LateDay] = []
        for system_id, zone in await self._systems():
            found += [LateDay(system_id, zone, day) for day in await self._late(system_id, zone, now)]
        self._is_caught_up = True
        if not self._hours and end != await self._store.offsets(JOB):
            await self._store.write({}, Consumed(JOB, end))
        return found

    async def _systems(self) -> list[tuple[str, str]]:
        """The systems to look at, with the names of their time zones."""
        rows = await self._store.read(SYSTEM, ("all",), columns=["system_id", "time_zone"])
        systems = [(str(row["system_id"]), str(row["time_zone"])) for row in rows]
        return [system for system in systems if not self._is_caught_up or system[0] in self._hours]

    async def _late(self, system_id: str, zone_name: str, now: datetime) -> list[date]:
        hours = self._hours.get(system_id, {})
        if not self._is_caught_up:
            hours = await self._written(system_id) | hours
        try:
            zone = time_zone(system_id, zone_name)
        except UnknownTimeZone:
            hours, zone = {}, ZoneInfo("UTC")
        manifests = await self._manifests(system_id) if hours else {}
        late = {day: start for start in hours for day in _late_days(start, hours[start], zone, manifests)}
        is_over = {day: local_day(day, zone).end <= now for day in late}
        # Today's figures are computed anyhow, from the first time on.
        waiting = {start: hours[start] for day, start in late.items() if is_over[day] or day not in manifests}
        self._hours.pop(system_id, None)
        if waiting:
            self._hours[system_id] = waiting
        return sorted(day for day in late if is_over[day])

    async def _written(self, system_id: str) -> dict[datetime, datetime]:
        rows = await self._store.read(LAKE_HOUR, (system_id,), columns=["start", "written_at"])
        return {cast(datetime, row["start"]): cast(datetime, row["written_at"]) for row in rows}

    async def _manifests(self, system_id: str) -> Mapping[date, Manifest]:
        return {cast(date, row["date"]): manifest_of(row) for row in await self._store.read(BATCH_DAY, (system_id,))}


def _late_days(
    start: datetime, written_at: datetime, zone: ZoneInfo, manifests: Mapping[date, Manifest]
) -> Iterator[date]:
    """The days that the hour's records lie in, and the one that they may hold into, unless computed since."""
    own = {instant.astimezone(zone).date() for instant in (start, start + HOUR - timedelta(microseconds=1))}
    yield from (day for day in own if day not in manifests or _is_late(manifests[day], written_at))
    following = max(own) + DAY
    if following in manifests and _is_late(manifests[following], written_at):
        yield following


def _is_late(manifest: Manifest, written_at: datetime) -> bool:
    looked_at = manifest.position.at if manifest.position else manifest.computed_at
    return not manifest.is_settled or looked_at <= written_at
