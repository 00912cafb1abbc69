"""Keeps the live table current: from the store and the log at start, then from the log alone, publish by publish."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from backend.live import Applied, LiveTable
from backend.restore import restore, restore_capacities
from backend.telemetry import Telemetry
from pipeline.model import Topic, decode
from pipeline.ports import BikewireError, Log, LogBatch, LogError, Offsets, Store, StoredRecord, TopicPartition
from pipeline.tables import TABLES

logger = logging.getLogger(__name__)

TOPICS: tuple[str, ...] = tuple(Topic)

LOOK_BACK = timedelta(minutes=10)
"""How far before now the log is read again at start: cursors no older than this resume without a snapshot."""

SLICE_SECONDS = 0.005
"""How long a backlog may hold the event loop at a time."""

SWEEP_SECONDS = 1.0
WATCH_SECONDS = 10.0
STUCK_SECONDS = 30.0
CAPACITY_SECONDS = 60.0
FIRST_DELAY_SECONDS = 0.5
LAST_DELAY_SECONDS = 15.0


class RelayStuck(LogError):
    """The log holds more than the relay was given, for too long."""


class Relay:
    """The only writer of the live table. ``failure`` is one sentence while it can't follow the log, else None."""

    def __init__(
        self, table: LiveTable, log: Log, store: Store, clock: Callable[[], datetime], telemetry: Telemetry
    ) -> None:
        self.table = table
        self.failure: str | None = None
        self._log, self._store = log, store
        self._clock, self._telemetry = clock, telemetry
        self._is_restored = False
        self._delay = FIRST_DELAY_SECONDS
        self._slice_end = 0.0

    async def run(self) -> None:
        """Follow the log for ever; whatever fails is tried again, later and later."""
        while True:
            try:
                await self._run_once()
            except* BikewireError as group:
                await self._back_off(str(_first(group)))
            # The live table must come back from anything that may be wrong with one record or one moment.
            except* Exception as group:
                logger.exception("relay: failed unexpectedly", exc_info=_first(group))
                await self._back_off(f"The relay failed: {_first(group)!r}.")

    async def _back_off(self, failure: str) -> None:
        self.failure = failure
        self._telemetry.relay_restarts.inc()
        logger.warning("relay: trying again in %.1f s: %s", self._delay, failure)
        await asyncio.sleep(self._delay)
        self._delay = min(2 * self._delay, LAST_DELAY_SECONDS)

    async def _run_once(self) -> None:
        await self._log.create(TOPICS)
        if not self._is_restored:
            await self._restore()
        target = await self._log.end_offsets(TOPICS)
        self.failure = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(target))
            tasks.create_task(self._sweep())
            tasks.create_task(self._watch())
            tasks.create_task(self._refresh_capacities())

    async def _restore(self) -> None:
        await self._store.create(TABLES)
        consumed = await self._store.offsets("stream")
        recent = await self._log.offsets_at(TOPICS, self._clock() - LOOK_BACK)
        await restore(self.table, self._store, self._clock())
        self.table.floor = {partition: min(offset, consumed.get(partition, 0)) for partition, offset in recent.items()}
        self.table.positions = dict(self.table.floor)
        self._is_restored = True

    async def _follow(self, target: Offsets) -> None:
        self._note_progress(target)
        async with aclosing(self._log.subscribe(TOPICS, dict(self.table.positions))) as batches:
            async for batch in batches:
                await self._take(batch)
                self._delay = FIRST_DELAY_SECONDS
                self._note_progress(target)

    def _note_progress(self, target: Offsets) -> None:
        if not self.table.current.is_set() and not self._lag(target):
            self.table.current.set()
            logger.info("relay: caught up with the log; systems: %s", ", ".join(self.table.systems) or "none yet")

    def _lag(self, end: Offsets) -> int:
        return sum(max(0, offset - self.table.positions.get(partition, 0)) for partition, offset in end.items())

    async def _take(self, batch: LogBatch) -> None:
        for publish in _publishes(await self._decode(batch.records)):
            self._apply(publish)
            await self._breathe()
        self.table.positions.update(batch.offsets)

    async def _decode(self, records: Sequence[StoredRecord]) -> list[Applied]:
        found = []
        for stored in records:
            if applied := self._decoded(stored):
                found.append(applied)
            await self._breathe()
        return found

    def _decoded(self, stored: StoredRecord) -> Applied | None:
        try:
            record = decode(stored.topic, stored.value)
        except (msgspec.DecodeError, ValueError) as error:
            self._telemetry.records_refused.labels(stored.topic).inc()
            place = f"{stored.topic}/{stored.partition} offset {stored.offset}"
            logger.warning("relay: refused the record %r at %s: %s", stored.key, place, error)
            return None
        return Applied(TopicPartition(stored.topic, stored.partition), stored.offset, record)

    def _apply(self, publish: Sequence[Applied]) -> None:
        system_id = publish[0].record.system_id
        system = self.table.system(system_id)
        network, polled_at = system.network, system.polled_at
        is_news = system.apply(publish, self._clock())
        self.table.positions.update((applied.partition, applied.offset + 1) for applied in publish)
        if is_news:
            system.changed.beat()
        if system.network is not network:
            system.network_changed.beat()
        if system.polled_at != polled_at:
            self._telemetry.polls.labels(system_id).inc()

    async def _breathe(self) -> None:
        """Let the others run when this task has run for long enough."""
        if time.monotonic() > self._slice_end:
            await asyncio.sleep(0)
            self._slice_end = time.monotonic() + SLICE_SECONDS

    async def _sweep(self) -> None:
        while True:
            for system in self.table.systems.values():
                if system.sweep(self._clock()):
                    system.changed.beat()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _watch(self) -> None:
        """Raises RelayStuck when the log goes on and nothing of it arrives: a subscription can end silently."""
        waited, seen = 0.0, -1
        while True:
            lag, position = self._lag(await self._log.end_offsets(TOPICS)), sum(self.table.positions.values())
            self._telemetry.relay_lag.set(lag)
            waited = waited + WATCH_SECONDS if lag and position == seen else 0.0
            if waited >= STUCK_SECONDS:
                msg = f"The log holds {lag} offsets that the relay was not given in {waited:.0f} s."
                raise RelayStuck(msg)
            seen = position
            await asyncio.sleep(WATCH_SECONDS)

    async def _refresh_capacities(self) -> None:
        while True:
            await asyncio.sleep(CAPACITY_SECONDS)
            try:
                await restore_capacities(self.table, self._store)
            except BikewireError as error:
                self._telemetry.store_errors.inc()
                logger.warning("relay: the observed capacities could not be read: %s", error)


def _publishes(records: Sequence[Applied]) -> Iterator[list[Applied]]:
    """A system's records of one instant: a publish of the poller, or one of the stream."""
    for _, group in groupby(records, key=lambda applied: (applied.record.system_id, applied.record.polled_at)):
        yield list(group)


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
