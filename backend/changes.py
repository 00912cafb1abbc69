"""What held of a station, read from its changes in the store; unknown time between them is never passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Any, NamedTuple

from backend.context import Context
from backend.ranges import gather, months
from pipeline.model import StationState, StationStatus, station_state
from pipeline.ports import Row
from pipeline.tables import STATION_HISTORY

# Rows of the table live for 400 days: what a station held at an instant was written at most so many months before.
_MONTHS_BACK = 13


class Step(NamedTuple):
    """What held from ``since`` on: ``record`` under its state, or, in a gap, that it is trusted no more."""

    since: datetime
    state: StationState
    record: StationStatus
    is_gap: bool = False


class Changes:
    """Of one station; ``columns`` are those of station_history that are wanted, None: all."""

    def __init__(self, context: Context, system_id: str, station_id: str, columns: Sequence[str] | None = None) -> None:
        self._context = context
        self._station = (system_id, station_id)
        self._newest = context.live.systems[system_id].statuses.get(station_id)
        self._columns = columns

    async def steps(self, start: datetime, end: datetime) -> AsyncIterator[list[Step]]:
        """What held on [start, end), a month at a time: first what held at start, then each change, and each gap."""
        first: list[Step] = []
        async for found in self._all(start, end):
            first = [step for step in found if step.since <= start][-1:] or first
            later = [step for step in found if start < step.since < end]
            if later:
                yield first + later
                first = []
        if first:
            yield first

    async def _all(self, start: datetime, end: datetime) -> AsyncIterator[list[Step]]:
        rows = await self._before(start)
        for month in months(start, end):
            rows += await self._read([month], lower=start, upper=end)
            # In a thread: a month can have ten thousand changes.
            yield await asyncio.to_thread(self._followed, rows)
            # When the last one ends depends on what follows it.
            rows = rows[-1:]
        yield self._last(rows + await self._after(end))

    def _followed(self, rows: Sequence[Row]) -> list[Step]:
        """The steps of all rows but the last."""
        return list(self._until_next([_record(row) for row in rows]))

    def _last(self, rows: Sequence[Row]) -> list[Step]:
        records = _with_tail([_record(row) for row in rows], self._newest)
        steps = list(self._until_next(records))
        for last in records[-1:]:
            steps += self._held(last, _trusted_last(last, self._newest), self._context.clock())
        return steps

    def _until_next(self, records: Sequence[StationStatus]) -> Iterator[Step]:
        for record, following in pairwise(records):
            yield from self._held(record, _trusted_until(record, following), following.polled_at)

    def _held(self, record: StationStatus, until: datetime, end: datetime) -> Iterator[Step]:
        """The record's step, and a gap's where the record is trusted no more before ``end``."""
        yield Step(record.polled_at, station_state(record, record.polled_at, self._context.settings.thresholds), record)
        if until < end:
            yield Step(until, StationState.UNKNOWN, record, is_gap=True)

    async def _before(self, instant: datetime) -> list[Row]:
        """The last row before the instant, in a list; or none."""
        here = await self._read(months(instant, instant), upper=instant, limit=1, newest_first=True)
        if here:
            return here
        first = instant - timedelta(days=31 * _MONTHS_BACK)
        return (await self._read(months(first, instant)[:-1], limit=1, newest_first=True))[-1:]

    async def _after(self, instant: datetime) -> list[Row]:
        """The first row at the instant or later, in a list; or none."""
        return (await self._read(months(instant, self._context.clock()), lower=instant, limit=1))[:1]

    async def _read(self, parts: Iterable[int], **bounds: Any) -> list[Row]:
        async def read(month: int) -> list[Row]:
            store = self._context.store
            return await store.read(STATION_HISTORY, (*self._station, month), columns=self._columns, **bounds)

        return list(chain.from_iterable(await gather(read, parts)))


def _record(row: Row) -> StationStatus:
    values: dict[str, Any] = {name: value for name, value in row.items() if name != "month"}
    return StationStatus(**values, changed=True, stations_in_poll=0)


def _with_tail(records: list[StationStatus], newest: StationStatus | None) -> list[StationStatus]:
    """The records, and the newest one when it is a change, or ends a gap, that the store does not have yet."""
    if newest is None or (records and newest.polled_at <= records[-1].polled_at):
        return records
    if records and _shown(newest) == _shown(records[-1]) and newest.polled_at < _trusted_until(records[-1], newest):
        return records
    return [*records, newest]


def _shown(record: StationStatus) -> tuple[object, ...]:
    counts = (record.bikes, record.docks, record.bikes_disabled, record.docks_disabled)
    return (*counts, record.is_installed, record.is_renting, record.is_returning)


def _trusted_until(record: StationStatus, following: StationStatus) -> datetime:
    """When the record's state stops holding unless the following one comes first."""
    seen_at = max(record.polled_at, following.seen_before or record.polled_at)
    return seen_at + timedelta(seconds=record.hold_seconds)


def _trusted_last(record: StationStatus, newest: StationStatus | None) -> datetime:
    seen = record if newest is None or newest.polled_at < record.polled_at else newest
    return seen.polled_at + timedelta(seconds=seen.hold_seconds)
