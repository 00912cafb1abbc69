"""One system as it is at one instant: the live table seen by a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backend.context import Context
from backend.live import LiveSystem
from backend.types.status import StationStatus
from pipeline.model import StationState, Thresholds, station_state

_NEVER_TRUSTED = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class View:
    """``seen_at`` is the newest poll that observed stations (None: no poll has): who is not in it is unknown."""

    system_id: str
    live: LiveSystem
    now: datetime
    seen_at: datetime | None
    thresholds: Thresholds

    @classmethod
    def of(cls, context: Context, system_id: str) -> View:
        live = context.live.systems[system_id]
        return cls(system_id, live, context.clock(), _seen_at(live), context.settings.thresholds)

    def state(self, station_id: str) -> StationState:
        """The station's state now."""
        status = self.live.statuses.get(station_id)
        was_seen = status is not None and self.seen_at is not None and status.polled_at >= self.seen_at
        return station_state(status, self.now if was_seen else _NEVER_TRUSTED, self.thresholds)

    def status(self, station_id: str) -> StationStatus | None:
        """The station's newest report under its state now; None when it was never seen."""
        record = self.live.statuses.get(station_id)
        return None if record is None else StationStatus.of(record, self.state(station_id))

    def is_stale(self) -> bool:
        """Whether no poll of the stations is recent enough to be trusted."""
        return self.seen_at is None or self.now >= self.seen_at + timedelta(seconds=self._hold_seconds())

    def _hold_seconds(self) -> float:
        feed = self.live.feeds.get("station_status")
        newest = (status.hold_seconds for status in self.live.statuses.values() if status.polled_at == self.seen_at)
        return feed.hold_seconds if feed else max(newest, default=0.0)


def _seen_at(live: LiveSystem) -> datetime | None:
    feed = live.feeds.get("station_status")
    polls = {status.polled_at for status in live.statuses.values()}
    if feed is not None and feed.is_observing:
        polls.add(feed.polled_at)
    return max(polls, default=None)
