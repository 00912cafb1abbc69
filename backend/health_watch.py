"""Watches the feeds' health: tells subscribers when it changes, and finds systems whose counts are frozen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from backend.feed_health import STATIONS, FeedHealth, judge, judge_all
from backend.live import LiveSystem, LiveTable
from backend.stillness import days_that_moved, observed_stillness
from pipeline.ports import BikewireError, Store
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

JUDGE_SECONDS = 1.0
"""How often the feeds are judged; nobody learns later than that of a change."""

STILL_SECONDS = 60.0
"""How often those are looked for that stand still; one that does is asked of again after a tenth of that time."""


class HealthWatch:
    """Judges all systems of the table for ever; ``judge`` and ``check_frozen`` are one round each."""

    def __init__(self, table: LiveTable, store: Store, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._table, self._store, self._clock = table, store, clock
        self._tolerance_seconds = settings.stale_seconds
        self._frozen_after = timedelta(seconds=settings.frozen_seconds)
        self._states: dict[str, dict[str, FeedHealth]] = {}
        self._asked: dict[str, datetime] = {}

    async def run(self) -> None:
        """Judge and look, each at its pace; begins again after whatever may be wrong at one moment."""
        await self._table.current.wait()
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._judge_forever())
                    tasks.create_task(self._check_forever())
            except* Exception:
                logger.exception("health: failed unexpectedly")
            await asyncio.sleep(JUDGE_SECONDS)

    async def _judge_forever(self) -> None:
        while True:
            await self.judge()
            await asyncio.sleep(JUDGE_SECONDS)

    async def judge(self) -> None:
        """Judge every system, and wake those who wait for one whose feeds' states are others than last time."""
        for system_id, live in list(self._table.systems.items()):
            self._judge(system_id, live)
            await asyncio.sleep(0)

    def _judge(self, system_id: str, live: LiveSystem) -> None:
        states = judge_all(live, self._clock(), self._tolerance_seconds)
        before, self._states[system_id] = self._states.get(system_id), states
        if before is not None and before != states:
            live.health_changed.beat()

    async def _check_forever(self) -> None:
        pause = min(STILL_SECONDS, self._frozen_after.total_seconds() / 2)
        while True:
            await asyncio.sleep(pause)
            try:
                await self.check_frozen()
            except BikewireError as error:
                logger.warning("health: frozen systems could not be looked for: %s", error)

    async def check_frozen(self) -> None:
        """Look at every system that has not moved for BIKEWIRE_FROZEN_SECONDS; raises StoreError."""
        for system_id, live in list(self._table.systems.items()):
            if live.frozen is None and self._is_due(system_id, live):
                self._asked[system_id] = self._clock()
                await self._check(system_id, live)

    def _is_due(self, system_id: str, live: LiveSystem) -> bool:
        now = self._clock()
        feed, asked = live.feeds.get(STATIONS), self._asked.get(system_id)
        has_moved = live.moved_at is not None and live.still_seconds < self._frozen_after.total_seconds()
        is_asked = asked is not None and now < asked + self._frozen_after / 10
        if feed is None or has_moved or is_asked:
            return False
        return judge(live, feed, now, self._tolerance_seconds).state is FeedHealth.FRESH

    async def _check(self, system_id: str, live: LiveSystem) -> None:
        now, moved_at = self._clock(), live.moved_at
        since, still_seconds = await self._stillness(system_id, live, now)
        if since is None or still_seconds < self._frozen_after.total_seconds():
            return
        moved, seen = await days_that_moved(self._store, system_id, now - self._frozen_after, now)
        # What came in while the store was asked wins.
        if seen and 2 * moved >= seen and live.moved_at == moved_at:
            live.frozen = (
                f"No count has changed since {since:%Y-%m-%d %H:%M} UTC;"
                f" on {moved} of {seen} earlier days they did in these hours."
            )
            logger.warning("%s %s: frozen. %s", system_id, STATIONS, live.frozen)

    async def _stillness(self, system_id: str, live: LiveSystem, now: datetime) -> tuple[datetime | None, float]:
        """Since when the counts stand still and how much of that was observed: also before this server began."""
        if live.moved_at is not None:
            return live.moved_at, live.still_seconds
        return await observed_stillness(self._store, system_id, now) or (None, 0.0)
