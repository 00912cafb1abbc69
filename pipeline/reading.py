"""One feed's fetch, judged: what it says and whether that observes the world, sans I/O.

A document of a realtime feed observes at ``polled_at`` while it is fresh: no older than its ttl or
BIKEWIRE_STALE_SECONDS, whichever is longer; without ``last_updated`` it counts as fresh. A 304 observes what
the document before said, under the same rule. The other feeds declare what there is, at whatever age.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.coherence import REALTIME_LONGEST_SECONDS, odd_after, odd_in_itself
from pipeline.deviations import Action, Deviation, Rule
from pipeline.gbfs import DocumentRefused, read
from pipeline.gbfs_model import REALTIME, Document, Feed
from pipeline.model import FeedState
from pipeline.settings import Settings

DECLARED_LONGEST_SECONDS = 3600.0
"""Stations are opened and moved within a day, whatever ttl the feed gives itself."""

DECLARED_POLLS = 5
"""Declarations change rarely: they are read at most every fifth BIKEWIRE_MIN_POLL_SECONDS, even at ttl 0."""


def interval_seconds(feed: Feed, ttl_seconds: float | None, settings: Settings) -> float:
    """How often to poll a feed, by its ttl and BIKEWIRE_MIN_POLL_SECONDS."""
    shortest = settings.min_poll_seconds * (1 if feed in REALTIME else DECLARED_POLLS)
    longest = REALTIME_LONGEST_SECONDS if feed in REALTIME else DECLARED_LONGEST_SECONDS
    return max(shortest, min(ttl_seconds or 0.0, longest))


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """What came of fetching one feed: a body, "not modified", or a failure.

    ``failure`` is a sentence; ``state`` says with it whether the feed was UNREACHABLE or its answer REFUSED.
    """

    url: str = ""
    body: bytes = b""
    is_not_modified: bool = False
    failure: str | None = None
    state: FeedState = FeedState.UNREACHABLE
    http_status: int | None = None
    latency_ms: float | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class Reading:
    """A fetch, judged. ``document`` is None unless it observes; then ``reason`` is a sentence."""

    state: FeedState
    document: Document[Any] | None
    reason: str | None = None
    deviations: tuple[Deviation, ...] = ()
    last_updated: datetime | None = None
    ttl_seconds: float | None = None


class _NotTaken(Exception):
    """``rule`` is what the answer breaks; None when there was none to judge."""

    def __init__(self, state: FeedState, reason: str, rule: Rule | None = None) -> None:
        super().__init__(reason)
        self.state = state
        self.rule = rule


class Reader:
    """Reads one system's feeds and keeps the newest document of each, for the next 304."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents: dict[Feed, Document[Any]] = {}
        self._ttls: dict[Feed, float | None] = {}

    def interval_seconds(self, feed: Feed) -> float:
        """How often the feed is to be polled, by the ttl of its newest document."""
        return interval_seconds(feed, self._ttls.get(feed), self._settings)

    def read(self, feed: Feed, fetch: Fetch, polled_at: datetime, shift: timedelta) -> Reading:
        """The fetch, judged at ``polled_at``; the document's times are moved by ``shift``."""
        before = self._documents.get(feed)
        try:
            document = self._document(feed, fetch)
        except _NotTaken as error:
            return Reading(error.state, None, str(error), _refused(feed, error))
        self._documents[feed] = document
        series = tuple(odd_after(before, document))
        self._ttls[feed] = document.ttl_seconds
        document = document.moved(shift) if shift else document
        reason = self._staleness(document, polled_at) if feed in REALTIME else None
        state = FeedState.NOT_MODIFIED if fetch.is_not_modified else FeedState.OK
        return Reading(
            FeedState.STALE if reason else state,
            None if reason else document,
            reason,
            (*document.deviations, *odd_in_itself(document, polled_at), *series),
            document.last_updated,
            document.ttl_seconds,
        )

    def _document(self, feed: Feed, fetch: Fetch) -> Document[Any]:
        if fetch.failure is not None:
            rule = Rule.BODY_SIZE if fetch.state is FeedState.REFUSED else None
            raise _NotTaken(fetch.state, fetch.failure, rule)
        before = self._documents.pop(feed, None)
        if fetch.is_not_modified:
            if before is None:
                raise _NotTaken(FeedState.UNREACHABLE, "The server says not modified, but no document is known.")
            return before
        try:
            return read(feed, fetch.body, fetch.url, self._settings.languages)
        except DocumentRefused as error:
            raise _NotTaken(FeedState.REFUSED, str(error), error.rule) from error

    def _staleness(self, document: Document[Any], polled_at: datetime) -> str | None:
        if document.last_updated is None:
            return None
        age = (polled_at - document.last_updated).total_seconds()
        longest = max(document.ttl_seconds or 0.0, self._settings.stale_seconds)
        return f"The document is {age:.0f} s old; more than {longest:.0f} s is stale." if age > longest else None


def _refused(feed: Feed, error: _NotTaken) -> tuple[Deviation, ...]:
    if error.rule is None:
        return ()
    return (Deviation(feed, "", "", str(error).removesuffix("."), error.rule, Action.REFUSED),)
