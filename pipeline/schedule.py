"""When each feed of a system is due: on a fixed grid, later after failures. Times are monotonic seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipeline.gbfs_model import POLLED, REALTIME, Feed, Link
from pipeline.model import FeedState, FeedStatus
from pipeline.reading import DECLARED_POLLS, Fetch

BACKOFF_LONGEST_SECONDS = 300.0
"""A feed that keeps failing is still asked this often, so that its return is seen."""

SLACK = 0.05
"""Which part of an interval a feed may be early, so that rounding never costs it a whole tick."""

FAILED = (FeedState.UNREACHABLE, FeedState.REFUSED)


def backoff_seconds(failures: int, shortest: float) -> float:
    """The pause after so many failures in a row: doubling from ``shortest``."""
    longest = max(shortest, BACKOFF_LONGEST_SECONDS)
    return min(shortest * 2.0 ** min(failures - 1, 30), longest)


@dataclass
class _Due:
    url: str
    at: float
    fetched_at: float = -math.inf
    failures: int = 0


class Schedule:
    """The feeds of one system. ``interval_seconds`` gives each feed's poll interval."""

    def __init__(self, feed_url: str, min_poll_seconds: float, interval_seconds: Callable[[Feed], float]) -> None:
        self._min_poll_seconds = min_poll_seconds
        self._interval_seconds = interval_seconds
        self._feeds = {Feed.DISCOVERY: _Due(feed_url, -math.inf)}

    def set_links(self, links: Iterable[Link]) -> None:
        """The feeds are to be had there now; new ones are due at once, and those no longer listed never."""
        found = {link.feed: link.url for link in links if link.feed in POLLED}
        known = self._feeds
        self._feeds = {Feed.DISCOVERY: known[Feed.DISCOVERY]}
        for feed, url in found.items():
            due = known.get(feed)
            # A feed that moved is due at once, whatever its old address did.
            self._feeds[feed] = due if due is not None and due.url == url else _Due(url, -math.inf)

    def due(self, tick: float) -> dict[Feed, str]:
        """The feeds to fetch at this tick, with their URLs."""
        early = SLACK * self.tick_seconds
        return {feed: due.url for feed, due in self._feeds.items() if due.at <= tick + early}

    def fetched(self, tick: float, fetches: Mapping[Feed, Fetch], statuses: Mapping[Feed, FeedStatus]) -> None:
        """What was fetched at this tick came out so."""
        for feed, fetch in fetches.items():
            due = self._feeds[feed]
            due.fetched_at = tick
            due.failures = due.failures + 1 if statuses[feed].state in FAILED else 0
            pause = backoff_seconds(due.failures, self._min_poll_seconds) if due.failures else 0
            interval = pause or self._interval_seconds(feed)
            due.at = tick + max(interval, fetch.retry_after_seconds or 0)
        self._look_for_moved()

    def repeat(self, tick: float, feeds: Iterable[Feed]) -> None:
        """What these feeds said is lost: ask again."""
        for feed in feeds:
            if (due := self._feeds.get(feed)) is not None:
                due.at = min(due.at, tick)

    @property
    def tick_seconds(self) -> float:
        """The step of the grid: the shortest interval of a realtime feed."""
        realtime = [self._interval_seconds(feed) for feed in REALTIME if feed in self._feeds]
        return min(realtime, default=self._min_poll_seconds)

    def next_tick(self, tick: float, now: float) -> float:
        """The first instant of the grid after ``now``; ticks that went by are left out."""
        step = self.tick_seconds
        return tick + step * max(1, math.floor((now - tick) / step) + 1)

    def _look_for_moved(self) -> None:
        # A feed that fails may have moved: read the discovery again, though not at every tick.
        discovery = self._feeds[Feed.DISCOVERY]
        if any(due.failures for due in self._feeds.values()):
            soon = discovery.fetched_at + DECLARED_POLLS * self._min_poll_seconds
            discovery.at = min(discovery.at, soon) if not discovery.failures else discovery.at
