"""One system as it is at one instant: the live table seen by a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from backend.context import Context
from backend.feed_health import Verdict, judge, judge_system
from backend.live import LiveSystem
from backend.types.place import Bounds
from backend.types.status import StationStatus
from pipeline.model import FeedStatus, StationState, Thresholds, station_state

# Nothing is trusted any more by then: for a station that the newest poll did not see.
_TOO_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class View:
    """The system's live state, and the instant for which states are told."""

    system_id: str
    live: LiveSystem
    now: datetime
    thresholds: Thresholds
    stale_seconds: float

    @classmethod
    def of(cls, context: Context, system_id: str) -> View:
        settings = context.settings
        live = context.live.systems[system_id]
        return cls(system_id, live, context.clock(), settings.thresholds, settings.stale_seconds)

    def health(self, feed: FeedStatus) -> Verdict:
        """The feed's health now."""
        return judge(self.live, feed, self.now, self.stale_seconds)

    def system_health(self) -> Verdict | None:
        """The system's health now; None before its first poll."""
        return judge_system(self.live, self.now, self.stale_seconds)

    def state(self, station_id: str) -> StationState:
        """The station's state now."""
        status = self.live.statuses.get(station_id)
        is_seen = status is not None and status.polled_at == self.live.polled_at
        return station_state(status, self.now if is_seen else _TOO_LATE, self.thresholds)

    def status(self, station_id: str) -> StationStatus | None:
        """The station's newest report under its state now; None when it was never seen."""
        record = self.live.statuses.get(station_id)
        return None if record is None else StationStatus.of(record, self.state(station_id))

    def is_stale(self) -> bool:
        """Whether no poll of the stations is recent enough to be trusted."""
        polled_at, feed = self.live.polled_at, self.live.feeds.get("station_status")
        return polled_at is None or feed is None or self.now >= polled_at + timedelta(seconds=feed.hold_seconds)

    def bounds(self) -> Bounds | None:
        """Around the stations; None without any."""
        memo, key = self.live.memo, ("bounds",)
        if key not in memo:
            memo[key] = Bounds.of(self.live.stations.values())
        return cast("Bounds | None", memo[key])
