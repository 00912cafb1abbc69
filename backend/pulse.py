"""Wakes everyone who waits for a change, but not more often than readers can use."""

from __future__ import annotations

import asyncio

INTERVAL_SECONDS = 0.1


class Pulse:
    """A change that is told at once, and again at most every `INTERVAL_SECONDS`; nothing is kept for latecomers.

    Who waits looks at the state first: between looking and waiting no other task runs.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._not_before = 0.0
        self._pending: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Until the next beat."""
        await self._event.wait()

    def beat(self) -> None:
        """Wake the waiting now, or as soon as the last beat is long enough ago."""
        if self._pending is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            self._wake()
        else:
            self._pending = loop.call_at(self._not_before, self._wake)

    def _wake(self) -> None:
        self._pending = None
        self._not_before = asyncio.get_running_loop().time() + INTERVAL_SECONDS
        self._event.set()
        self._event.clear()
