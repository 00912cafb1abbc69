"""The figures of today so far, of one system after the other, in turns with the other chores beside the stream."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import cast

import anyio

from pipeline.days import UnknownTimeZone, time_zone
from pipeline.logs import sentence
from pipeline.manifest import manifest_of
from pipeline.ports import Log, Store, behind
from pipeline.results import TOPICS
from pipeline.tables import BATCH_DAY, SYSTEM

logger = logging.getLogger(__name__)

STREAM_JOB = "stream"

TURN_SECONDS = 60.0
"""For about so long figures are computed before the other chores get their turn."""

MANY_RECORDS = 20_000
"""A stream that is further behind the log than this has enough to do."""

PATIENCE_SECONDS = 60.0
"""So long a system's figures wait for the stream to keep up, at most: on a machine too slow for both, both go on."""

Compute = Callable[[str, str, date], Awaitable[object]]
"""Computes one local day of a system (its id, and the name of its time zone)."""


class Today:
    """The days that are not over, of all systems in rounds that begin at least ``period`` apart."""

    def __init__(self, log: Log, store: Store, compute: Compute, period: timedelta) -> None:
        self._log = log
        self._store = store
        self._compute = compute
        self._period = period
        self._begun_at: datetime | None = None
        self._waiting: deque[tuple[str, str]] = deque()
        self._failed: list[tuple[str, str]] = []
        self._error: Exception | None = None

    async def go_on(self, now: datetime) -> bool:
        """Compute those of the next systems, for one turn; whether others of this round are left.

        A system whose figures fail costs the others nothing: it is named, and tried again when they are done. Raises
        its error then, or that of the last of them.
        """
        if not self._waiting:
            await self._begin(now)
        until = time.monotonic() + TURN_SECONDS
        while self._waiting:
            await self._one(*self._waiting.popleft(), now)
            if time.monotonic() >= until:
                break
        if self._waiting:
            return True
        error, self._error = self._error, None
        if error is not None:
            raise error
        return False

    async def _begin(self, now: datetime) -> None:
        """Begin a round when one is due, else try again what failed in the last one."""
        if self._begun_at is None or now >= self._begun_at + self._period:
            rows = await self._store.read(SYSTEM, ("all",))
            self._waiting = deque((str(row["system_id"]), str(row["time_zone"])) for row in rows)
            self._begun_at = now
        else:
            self._waiting = deque(self._failed)
        self._failed = []

    async def _one(self, system_id: str, zone: str, now: datetime) -> None:
        try:
            days = await self._days(system_id, zone, now)
            await self._let_stream_keep_up()
            for day in days:
                await self._compute(system_id, zone, day)
        except UnknownTimeZone as error:
            logger.warning("figures: %s", error)
        except Exception as error:  # whatever it is, it must not cost the other systems theirs
            logger.error("figures: those of %s are tried again after the others': %s", system_id, sentence(error))
            self._failed.append((system_id, zone))
            self._error = error

    async def _days(self, system_id: str, zone: str, now: datetime) -> Sequence[date]:
        today = now.astimezone(time_zone(system_id, zone)).date()
        days = {today - timedelta(days=1), today}
        # After a while in which nothing ran, the newest day that was begun may be an older one.
        for row in await self._store.read(BATCH_DAY, (system_id,), upper=today, newest_first=True, limit=1):
            day = cast(date, row["date"])
            days = days - {day} if manifest_of(row).is_settled else days | {day}
        return sorted(days)

    async def _let_stream_keep_up(self) -> None:
        """Returns when the stream has little to do, or after a while."""
        with anyio.move_on_after(PATIENCE_SECONDS):
            while await self._behind() > MANY_RECORDS:  # noqa: ASYNC110  # another process may be the stream
                await anyio.sleep(1)

    async def _behind(self) -> int:
        end = await self._log.end_offsets(TOPICS)
        return behind(await self._store.offsets(STREAM_JOB), end, self._log) or 0
