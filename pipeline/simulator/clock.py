"""The simulation's time: real time, or running faster from the moment of its start; it moves in ticks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


class Clock:
    """Counts ticks of ``tick_seconds`` real seconds, and says which simulated instant a tick shows."""

    def __init__(self, tick_seconds: float, speed: float = 1.0, read: Callable[[], datetime] = now) -> None:
        self.tick_seconds = tick_seconds
        self._speed = speed
        self._read = read
        self._start = read()

    @property
    def tick(self) -> int:
        """The number of the present tick; ticks begin at whole multiples of ``tick_seconds``."""
        return int(self._read().timestamp() // self.tick_seconds)

    def began(self, tick: int) -> datetime:
        """The real instant at which a tick began."""
        return datetime.fromtimestamp(tick * self.tick_seconds, UTC)

    def simulated(self, real: datetime) -> datetime:
        """The simulated instant that is shown at a real one."""
        return self._start + (real - self._start) * self._speed

    def published(self, simulated: datetime) -> datetime:
        """The real instant at which a simulated one was shown."""
        return self._start + timedelta(seconds=(simulated - self._start).total_seconds() / self._speed)
