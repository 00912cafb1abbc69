"""How a feed is now, judged by its newest fetch, its age, and what its stations say."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from backend.live import VEHICLE_FEEDS, LiveSystem
from pipeline.model import FeedState, FeedStatus

STATIONS = "station_status"
REALTIME = VEHICLE_FEEDS | {STATIONS}

LEAST_STATIONS = 3
"""With fewer stations, all of them are empty every now and then."""

DECLARED_POLLS = 3
"""A feed that declares what there is has not been polled for too long after so many of its intervals."""


class FeedHealth(StrEnum):
    """How far a feed can be trusted now."""

    FRESH = "FRESH"
    STALE = "STALE"
    FROZEN = "FROZEN"
    DEAD = "DEAD"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"


class Verdict(NamedTuple):
    """A feed's health; ``reason`` is one sentence unless it is fresh."""

    state: FeedHealth
    reason: str | None = None


FRESH = Verdict(FeedHealth.FRESH)

_OF_FETCH = {
    FeedState.UNREACHABLE: FeedHealth.UNREACHABLE,
    FeedState.REFUSED: FeedHealth.REFUSED,
    FeedState.STALE: FeedHealth.STALE,
}


def judge(live: LiveSystem, feed: FeedStatus, now: datetime, tolerance_seconds: float) -> Verdict:
    """The feed's health at ``now``, by the first rule that fits.

    ``tolerance_seconds`` is how much later than its ttl a document may be renewed.
    """
    if feed.state in _OF_FETCH:
        return Verdict(_OF_FETCH[feed.state], feed.reason)
    reason = _silence(feed, now) or _age(feed, now, tolerance_seconds)
    if reason is not None:
        return Verdict(FeedHealth.STALE, reason)
    if feed.feed != STATIONS:
        return FRESH
    if is_dead(live):
        return Verdict(FeedHealth.DEAD, "No station has a bike, though they are said to rent them.")
    return FRESH if live.frozen is None else Verdict(FeedHealth.FROZEN, live.frozen)


def judge_system(live: LiveSystem, now: datetime, tolerance_seconds: float) -> Verdict | None:
    """That of its stations, or of its vehicles where it has no stations; None before the first poll."""
    known = [live.feeds[name] for name in (STATIONS, *sorted(VEHICLE_FEEDS)) if name in live.feeds]
    return judge(live, known[0], now, tolerance_seconds) if known else None


def judge_all(live: LiveSystem, now: datetime, tolerance_seconds: float) -> dict[str, FeedHealth]:
    """The state of each feed."""
    return {name: judge(live, feed, now, tolerance_seconds).state for name, feed in live.feeds.items()}


def is_dead(live: LiveSystem) -> bool:
    """Whether there is not one bike in all of the network, while stations are open."""
    key = ("is_dead", live.polled_at, live.vehicles_polled_at)
    if key not in live.memo:
        live.memo[key] = _has_no_bike(live)
    return bool(live.memo[key])


def _has_no_bike(live: LiveSystem) -> bool:
    seen = [status for status in live.statuses.values() if status.polled_at == live.polled_at]
    if len(seen) < LEAST_STATIONS or any(status.bikes for status in seen):
        return False
    if any(not vehicle.is_disabled for vehicle in live.vehicles.values()):
        return False
    return any(status.bikes == 0 and status.is_installed and status.is_renting for status in seen)


def _silence(feed: FeedStatus, now: datetime) -> str | None:
    longest = feed.hold_seconds
    if feed.feed not in REALTIME:
        longest = max(longest, DECLARED_POLLS * feed.interval_seconds)
    if now < feed.polled_at + timedelta(seconds=longest):
        return None
    return f"It was last polled {_ago(feed.polled_at, now)}; after {longest:.0f} s that is no longer trusted."


def _age(feed: FeedStatus, now: datetime, tolerance_seconds: float) -> str | None:
    if feed.feed not in REALTIME or feed.last_updated is None:
        return None
    # Until it is polled again nobody can know of a newer document.
    longest = (feed.ttl_seconds or 0.0) + feed.interval_seconds + tolerance_seconds
    if now <= feed.last_updated + timedelta(seconds=longest):
        return None
    return f"The document was made {_ago(feed.last_updated, now)}; more than {longest:.0f} s is stale."


def _ago(instant: datetime, now: datetime) -> str:
    return f"{(now - instant).total_seconds():.0f} s ago"
