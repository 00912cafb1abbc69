"""What happened to the feeds of a system."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter

import strawberry

from backend.types.enum import describe
from pipeline import model
from pipeline.model import FeedState

describe(
    FeedState,
    "What became of one fetch of one feed. Only OK and NOT_MODIFIED observe the world.",
    {
        FeedState.OK: "A fresh document was taken.",
        FeedState.NOT_MODIFIED: "The document of before is still good.",
        FeedState.STALE: "The document is too old to be trusted.",
        FeedState.REFUSED: "The document can't be read, or breaks the format.",
        FeedState.UNREACHABLE: "No document came.",
    },
)


@strawberry.type(description="The newest fetch of one feed of a system.")
class Feed:
    feed: str = strawberry.field(description="The feed's name in GBFS, such as station_status.")
    state: FeedState = strawberry.field(description="What became of the fetch.")
    reason: str | None = strawberry.field(description="Why it was not taken, in one sentence; null when it was.")
    polled_at: datetime = strawberry.field(description="The instant of the poll that fetched it.")
    last_updated: datetime | None = strawberry.field(description="When the document was made, by the feed.")
    ttl_seconds: float | None = strawberry.field(
        description="How long the document is good for, by the feed, in seconds."
    )
    latency_ms: float | None = strawberry.field(description="How long the fetch took, in milliseconds.")
    bytes: int | None = strawberry.field(description="Size of the document, in bytes.")
    deviations: int = strawberry.field(description="Values in the document that were repaired or refused.")

    @classmethod
    def of(cls, record: model.FeedStatus) -> Feed:
        return cls(
            feed=record.feed,
            state=record.state,
            reason=record.reason,
            polled_at=record.polled_at,
            last_updated=record.last_updated,
            ttl_seconds=record.ttl_seconds,
            latency_ms=record.latency_ms,
            bytes=record.bytes,
            deviations=record.deviations,
        )

    @classmethod
    def by_name(cls, records: Iterable[model.FeedStatus]) -> list[Feed]:
        return [cls.of(record) for record in sorted(records, key=attrgetter("feed"))]


@strawberry.type(description="One poll: the feeds that were due at one instant.")
class Poll:
    polled_at: datetime = strawberry.field(description="The instant of the poll.")
    feeds: list[Feed] = strawberry.field(description="The feeds fetched in this poll, by name.")

    @classmethod
    def newest(cls, records: Collection[model.FeedStatus]) -> Poll | None:
        """The newest poll among the newest fetches of all feeds; None when there are none."""
        polled_at = max((record.polled_at for record in records), default=None)
        if polled_at is None:
            return None
        return cls(polled_at=polled_at, feeds=Feed.by_name(one for one in records if one.polled_at == polled_at))
