"""The root of all subscriptions: what holds now, then what changes, each subscriber at its own pace.

A subscriber keeps one number, the sequence up to which it was told, and asks for what changed since. So one that
is slow skips what was overtaken, none waits for another, and nothing is queued. Subscribers who ask the same
at the same point get the same object, which `backend/execution.py` turns into text once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, cast

import strawberry

from backend.context import Context
from backend.cursor import Cursor, CursorRefused, changed_after, cursor_now
from backend.feed_health import judge_all
from backend.live import LiveSystem
from backend.scalars import BadInput
from backend.types import network
from backend.types.feed import SystemHealth
from backend.types.field import subscribed
from backend.types.place import BBox
from backend.types.station import Info, Station
from backend.view import View
from pipeline import model

SystemId = Annotated[strawberry.ID, strawberry.argument(description="The system's id.")]

MAX_IDS = 1000

MAX_SHARED = 128
"""How many different updates of a system's state are kept for others to share; the oldest go first."""


@strawberry.type(description="Stations that changed, or all of them.")
class StationUpdates:
    snapshot: bool = strawberry.field(
        description="true: stations are all that were asked for; false: only those that changed since the last message"
        " (the first one: since after)."
    )
    cursor: str = strawberry.field(
        description="To be given as after, to go on from here: on any server, and after a restart of it."
    )
    polled_at: datetime | None = strawberry.field(
        description="The newest poll that observed the stations; null before the first. Stations that are not in"
        " the message were as before in that poll."
    )
    stations: list[Station] = strawberry.field(description="The stations, each in its newest state.")


@strawberry.type(description="Where every subscription begins.")
class Subscription:
    @subscribed(
        "The stations of a system: first all of them (or, with after, what changed since), then those that change: in"
        " their counts, their state, as it becomes unknown too, or what is declared of them. Every poll is told, with"
        " no stations when none changed. A reader that is slow gets fewer messages with the newest state. A cursor"
        " that is too old, or ahead of the log, starts with everything again (snapshot: true)."
    )
    async def station_updates(
        self,
        info: Info,
        system_id: SystemId,
        ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description=f"Only these, at most {MAX_IDS}.")
        ] = None,
        bbox: Annotated[BBox | None, strawberry.argument(description="Only those in this rectangle.")] = None,
        after: Annotated[
            str | None, strawberry.argument(description="A cursor: the first message is what changed since it.")
        ] = None,
    ) -> AsyncGenerator[StationUpdates, None]:
        choice = Choice.of(ids, bbox)
        cursor = None if after is None else _cursor(after, system_id)
        live = await _live(info.context, system_id)
        updates = Updates(info.context, system_id, live, choice)
        update, sequence = updates.first(cursor), live.sequence
        while True:
            yield update
            while live.sequence == sequence:
                await live.changed.wait()
            update, sequence = updates.since(sequence), live.sequence

    @subscribed("How far a system can be trusted: now, then whenever the state of one of its feeds changes.")
    async def feed_health(self, info: Info, system_id: SystemId) -> AsyncGenerator[SystemHealth, None]:
        live = await _live(info.context, system_id)
        told: object = None
        while True:
            view = View.of(info.context, system_id)
            states = tuple(sorted(judge_all(live, view.now, view.stale_seconds).items()))
            if states != told:
                told = states
                yield _shared_health(view, states)
            else:
                await live.health_changed.wait()

    @subscribed("The totals of a system: those of the newest poll, then those of each poll.")
    async def network_updates(self, info: Info, system_id: SystemId) -> AsyncGenerator[network.NetworkStatus, None]:
        live = await _live(info.context, system_id)
        told = None
        while True:
            if live.network is not None and live.network is not told:
                told = live.network
                yield _network(told)
            else:
                await live.network_changed.wait()


@dataclass(frozen=True)
class Choice:
    """Which stations a subscriber wants; None is all."""

    ids: frozenset[str] | None
    edges: tuple[tuple[str, float], ...] | None

    @classmethod
    def of(cls, ids: Collection[str] | None, bbox: BBox | None) -> Choice:
        """Raises BadInput."""
        if ids is not None and len(ids) > MAX_IDS:
            msg = f"ids: {len(ids)} are more than {MAX_IDS}; leave them out for all stations."
            raise BadInput(msg)
        if bbox is not None:
            bbox.check()
        return cls(None if ids is None else frozenset(ids), None if bbox is None else tuple(asdict(bbox).items()))

    def has(self, station: model.StationInformation) -> bool:
        if self.ids is not None and station.station_id not in self.ids:
            return False
        return self.edges is None or BBox(**dict(self.edges)).contains(station.lat, station.lon)


@dataclass(frozen=True)
class Updates:
    """What one subscriber is told of a system; equal subscribers share the objects."""

    context: Context
    system_id: str
    live: LiveSystem
    choice: Choice

    def first(self, cursor: Cursor | None) -> StationUpdates:
        """Everything, or what changed since the cursor where that can be told."""
        changed = None if cursor is None else changed_after(self.context.live, self.live, cursor)
        if changed is not None:
            return self._shared(("after", cursor), sorted(changed), is_snapshot=False)
        return self._shared(("all",), self.live.stations, is_snapshot=True)

    def since(self, sequence: int) -> StationUpdates:
        """What changed after ``sequence``."""
        return self._shared(("since", sequence), self.live.since(sequence), is_snapshot=False)

    def _shared(self, point: tuple[object, ...], changed: Collection[str], *, is_snapshot: bool) -> StationUpdates:
        memo, key = self.live.memo, (self.choice, *point)
        if key not in memo:
            if len(memo) >= MAX_SHARED:
                memo.pop(next(iter(memo)))
            memo[key] = self._update(changed, is_snapshot=is_snapshot)
        return cast("StationUpdates", memo[key])

    def _update(self, changed: Collection[str], *, is_snapshot: bool) -> StationUpdates:
        view = View.of(self.context, self.system_id)
        known = (self.live.stations.get(station_id) for station_id in changed)
        return StationUpdates(
            snapshot=is_snapshot,
            cursor=cursor_now(self.context.live, self.system_id).encode(),
            polled_at=self.live.polled_at,
            stations=[Station.of(view, station) for station in known if station and self.choice.has(station)],
        )


def _shared_health(view: View, states: tuple[object, ...]) -> SystemHealth:
    """One object for all subscribers who are told of the same change."""
    memo, key = view.live.memo, ("health", *states)
    if key not in memo:
        memo[key] = SystemHealth.of(view)
    return cast("SystemHealth", memo[key])


async def _live(context: Context, system_id: str) -> LiveSystem:
    """The live system, once the table is current; raises BadInput for one that is not known."""
    await context.live.current.wait()
    if system_id not in context.live.systems:
        msg = f"systemId: there is no system {system_id[:80]!r}."
        raise BadInput(msg)
    return context.live.systems[system_id]


def _cursor(after: str, system_id: str) -> Cursor:
    try:
        return Cursor.decode(after, system_id)
    except CursorRefused as error:
        raise BadInput(f"after: {error}") from error  # noqa: EM102  # the sentence is the cursor's own


@lru_cache(maxsize=1024)
def _network(record: model.NetworkStatus) -> network.NetworkStatus:
    """One object for all subscribers."""
    return network.NetworkStatus.of(record)
