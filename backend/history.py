"""What was seen over time: a station's changes, with the unknown time between them, and the network's polls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, cast

import msgspec

from backend.context import Context
from backend.ranges import check_instants, days, gather, months
from backend.scalars import BadInput
from backend.types.network import NetworkStatus
from backend.types.status import StationStatus
from pipeline import model
from pipeline.model import Thresholds, station_state
from pipeline.ports import Row
from pipeline.tables import NETWORK_HISTORY, STATION_HISTORY

MOST_DAYS = 31
MOST_POINTS = 10_000

# Rows of the table live for 400 days: what a station held at an instant was written at most so many months before.
_MONTHS_BACK = 13


async def station_history(
    context: Context, system_id: str, station_id: str, start: datetime, end: datetime
) -> list[StationStatus]:
    """The station's states on [start, end): first what held at start, then each change.

    Where an observation stopped being trusted before the next one there is an entry in state UNKNOWN at that
    instant. Raises BadInput.
    """
    check_instants(start, end, MOST_DAYS)
    rows = _Rows(context, system_id, station_id)
    stored = [*await rows.before(start), *await rows.between(start, end), *await rows.after(end)]
    newest = context.live.systems[system_id].statuses.get(station_id)
    records = _with_tail([_record(row) for row in stored], newest)
    entries = _series(records, newest, context.clock(), context.settings.thresholds)
    return _held(entries, start, end)


class _Rows:
    """The rows of station_history of one station."""

    def __init__(self, context: Context, system_id: str, station_id: str) -> None:
        self._context = context
        self._station = (system_id, station_id)

    async def before(self, instant: datetime) -> list[Row]:
        """The last row before the instant, in a list; or none."""
        here = await self._read(months(instant, instant), upper=instant, limit=1, newest_first=True)
        if here:
            return here
        first = instant - timedelta(days=31 * _MONTHS_BACK)
        return (await self._read(months(first, instant)[:-1], limit=1, newest_first=True))[-1:]

    async def between(self, start: datetime, end: datetime) -> list[Row]:
        return await self._read(months(start, end), lower=start, upper=end)

    async def after(self, instant: datetime) -> list[Row]:
        """The first row at the instant or later, in a list; or none."""
        return (await self._read(months(instant, self._context.clock()), lower=instant, limit=1))[:1]

    async def _read(self, parts: Iterable[int], **bounds: Any) -> list[Row]:
        store = self._context.store
        answers = await gather(lambda month: store.read(STATION_HISTORY, (*self._station, month), **bounds), parts)
        return list(chain.from_iterable(answers))


def _record(row: Row) -> model.StationStatus:
    values: dict[str, Any] = {name: value for name, value in row.items() if name != "month"}
    return model.StationStatus(**values, changed=True, stations_in_poll=0)


def _with_tail(records: list[model.StationStatus], newest: model.StationStatus | None) -> list[model.StationStatus]:
    """The records, and the newest one when it is a change, or ends a gap, that the store does not have yet."""
    if newest is None or (records and newest.polled_at <= records[-1].polled_at):
        return records
    if records and _shown(newest) == _shown(records[-1]) and newest.polled_at < _trusted_until(records[-1], newest):
        return records
    return [*records, newest]


def _shown(record: model.StationStatus) -> tuple[object, ...]:
    counts = (record.bikes, record.docks, record.bikes_disabled, record.docks_disabled)
    return (*counts, record.is_installed, record.is_renting, record.is_returning)


def _trusted_until(record: model.StationStatus, following: model.StationStatus) -> datetime:
    """When the record's state stops holding unless the following one comes first."""
    seen_at = max(record.polled_at, following.seen_before or record.polled_at)
    return seen_at + timedelta(seconds=record.hold_seconds)


def _series(
    records: Sequence[model.StationStatus], newest: model.StationStatus | None, now: datetime, thresholds: Thresholds
) -> list[StationStatus]:
    entries: list[StationStatus] = []
    for record, following in zip(records, [*records[1:], None], strict=False):
        entries.append(StationStatus.of(record, station_state(record, record.polled_at, thresholds)))
        until = _trusted_until(record, following) if following else _trusted_last(record, newest)
        if until < (following.polled_at if following else now):
            entries.append(StationStatus.unknown(record, until))
    return entries


def _trusted_last(record: model.StationStatus, newest: model.StationStatus | None) -> datetime:
    seen = record if newest is None or newest.polled_at < record.polled_at else newest
    return seen.polled_at + timedelta(seconds=seen.hold_seconds)


def _held(entries: list[StationStatus], start: datetime, end: datetime) -> list[StationStatus]:
    before = [entry for entry in entries if entry.polled_at <= start]
    return before[-1:] + [entry for entry in entries if start < entry.polled_at < end]


async def network_history(
    context: Context, system_id: str, start: datetime, end: datetime, step_seconds: int | None
) -> list[NetworkStatus]:
    """The network's totals in each poll on [start, end), or in the last poll of each step counted from start.

    A step without a poll has no entry. Raises BadInput.
    """
    check_instants(start, end, MOST_DAYS)
    if step_seconds is not None and step_seconds < 1:
        msg = f"stepSeconds: {step_seconds} is not at least 1."
        raise BadInput(msg)
    rows = await _network_rows(context, system_id, start, end)
    if step_seconds is not None:
        rows = _last_of_steps(rows, start, step_seconds)
    _check_points(len(rows), start, end)
    return [NetworkStatus.of_row(row) for row in rows]


async def _network_rows(context: Context, system_id: str, start: datetime, end: datetime) -> list[Row]:
    async def read(day: date) -> list[Row]:
        return await context.store.read(NETWORK_HISTORY, (system_id, day), lower=start, upper=end)

    last = (end - timedelta(microseconds=1)).date()
    rows = list(chain.from_iterable(await gather(read, days(start.date(), last, MOST_DAYS + 1))))
    newest = context.live.systems[system_id].network
    if newest is not None and start <= newest.polled_at < end and (not rows or _polled_at(rows[-1]) < newest.polled_at):
        rows.append(msgspec.structs.asdict(newest))
    return rows


def _last_of_steps(rows: list[Row], start: datetime, step_seconds: int) -> list[Row]:
    step = timedelta(seconds=step_seconds)
    return list({(_polled_at(row) - start) // step: row for row in rows}.values())


def _polled_at(row: Row) -> datetime:
    return cast(datetime, row["polled_at"])


def _check_points(count: int, start: datetime, end: datetime) -> None:
    if count > MOST_POINTS:
        least = int((end - start).total_seconds() // MOST_POINTS) + 1
        msg = f"{count} points are more than the {MOST_POINTS} answered at once: give stepSeconds of {least} or more."
        raise BadInput(msg)
