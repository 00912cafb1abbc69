"""What happened to the feeds of a system, and how they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter

import msgspec
import strawberry

from backend.feed_health import FeedHealth
from backend.types.enum import describe
from backend.types.field import resolved
from backend.view import View
from pipeline import model
from pipeline.deviations import EXPLANATION
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
describe(
    FeedHealth,
    "How far a feed can be trusted now. The first that fits, from the last to the first.",
    {
        FeedHealth.FRESH: "What it says is recent.",
        FeedHealth.STALE: "What it says is older than its ttl allows, or it is no longer polled.",
        FeedHealth.FROZEN: "It is renewed, but no count has changed for hours in which counts changed on other days.",
        FeedHealth.DEAD: "It is renewed, but no station has a bike.",
        FeedHealth.REFUSED: "The newest document can't be read, or breaks the format.",
        FeedHealth.UNREACHABLE: "The newest fetch got no document.",
    },
)


class _Found(msgspec.Struct, frozen=True):
    count: int
    example: str


_BY_RULE = msgspec.json.Decoder(dict[str, _Found])


@strawberry.type(description="A rule that values of a document break.")
class Deviation:
    rule: str = strawberry.field(description="The rule's name, such as id_is_text.")
    meaning: str | None = strawberry.field(description="The rule in words.")
    count: int = strawberry.field(description="How many values break it.")
    example: str = strawberry.field(description="One of them: its place, its value, and what was done, in a sentence.")

    @classmethod
    def by_rule(cls, summary: str | None) -> list[Deviation]:
        """Those of a `FeedStatus.deviations_by_rule`, in its order."""
        found: Mapping[str, _Found] = _BY_RULE.decode(summary) if summary else {}
        return [
            cls(rule=rule, meaning=EXPLANATIONS.get(rule), count=one.count, example=one.example)
            for rule, one in found.items()
        ]


EXPLANATIONS = {rule.value: explanation for rule, explanation in EXPLANATION.items()}


@strawberry.type(description="A feed of a system: its health now, and its newest fetch.")
class Feed:
    name: str = strawberry.field(description="The feed's name in GBFS, such as station_status.")
    state: FeedHealth = strawberry.field(description="How far it can be trusted now.")
    reason: str | None = strawberry.field(description="Why it is not fresh, in one sentence; null when it is.")
    fetch: FeedState = strawberry.field(description="What became of the newest fetch.")
    polled_at: datetime = strawberry.field(description="The instant of the poll that fetched it.")
    last_updated: datetime | None = strawberry.field(description="When the document was made, by the feed.")
    ttl_seconds: float | None = strawberry.field(
        description="How long the document is good for, by the feed, in seconds."
    )
    http_status: int | None = strawberry.field(description="The status of the HTTP answer; null when none came.")
    latency_ms: float | None = strawberry.field(description="How long the fetch took, in milliseconds.")
    bytes: int | None = strawberry.field(description="Size of the document, in bytes.")
    deviation_count: int = strawberry.field(description="Values in the document that were repaired or refused.")
    deviations: list[Deviation] = strawberry.field(description="The rules that its values break.")

    @classmethod
    def of(cls, view: View, record: model.FeedStatus) -> Feed:
        state, reason = view.health(record)
        return cls(
            name=record.feed,
            state=state,
            reason=reason,
            fetch=record.state,
            polled_at=record.polled_at,
            last_updated=record.last_updated,
            ttl_seconds=record.ttl_seconds,
            http_status=record.http_status,
            latency_ms=record.latency_ms,
            bytes=record.bytes,
            deviation_count=record.deviations,
            deviations=Deviation.by_rule(record.deviations_by_rule),
        )

    @classmethod
    def by_name(cls, view: View, records: Iterable[model.FeedStatus]) -> list[Feed]:
        return [cls.of(view, record) for record in sorted(records, key=attrgetter("feed"))]


@strawberry.type(description="One poll: the feeds that were due at one instant.")
class Poll:
    polled_at: datetime = strawberry.field(description="The instant of the poll.")
    feeds: list[Feed] = strawberry.field(description="The feeds fetched in this poll, by name.")

    @classmethod
    def newest(cls, view: View) -> Poll | None:
        """The newest poll among the newest fetches of all feeds; None when there are none."""
        records = view.live.feeds.values()
        polled_at = max((record.polled_at for record in records), default=None)
        if polled_at is None:
            return None
        feeds = Feed.by_name(view, (one for one in records if one.polled_at == polled_at))
        return cls(polled_at=polled_at, feeds=feeds)


@strawberry.type(description="How far a system can be trusted now.")
class SystemHealth:
    state: FeedHealth | None = strawberry.field(
        description="That of its stations (of its vehicles where it has no stations); null before the first poll."
    )
    reason: str | None = strawberry.field(description="Why it is not fresh, in one sentence; null when it is.")
    view: strawberry.Private[View]

    @classmethod
    def of(cls, view: View) -> SystemHealth:
        state, reason = view.system_health() or (None, None)
        return cls(state=state, reason=reason, view=view)

    @resolved("Every feed, by name.")
    def feeds(self) -> list[Feed]:
        return Feed.by_name(self.view, self.view.live.feeds.values())
