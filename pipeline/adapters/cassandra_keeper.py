"""One connected session for all callers of a store: made when first asked for, and anew when the nodes have moved."""

from __future__ import annotations

import asyncio

from pipeline.adapters import cassandra_schema
from pipeline.adapters.cassandra_session import Session
from pipeline.adapters.cassandra_url import CassandraPlace


class Keeper:
    """Keeps a session to the place.

    A session comes back by itself when its nodes do, but it knows them by address. Nodes that come back under other
    addresses (a container that was made anew) are found by their names only, so a session whose nodes have all been
    away for a while gets a successor.
    """

    def __init__(self, place: CassandraPlace) -> None:
        self._place = place
        self._current: Session | None = None
        self._unfinished: Session | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def session(self) -> Session:
        """The session; raises StoreError when there has never been one and none can be had."""
        if self._current is None:
            # A caller that gives up does not end the connecting, which others wait for too.
            await asyncio.shield(self._begin())
        elif self._current.is_lost:
            self._begin()
        assert self._current
        return self._current

    async def close(self) -> None:
        for session in (self._unfinished, self._current):
            if session:
                await session.close()
        if self._connecting:
            await asyncio.gather(self._connecting, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None]:
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect(), name="cassandra")
            # Of a successor that could not be had nobody needs to hear; the session tells what is wrong.
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._connecting

    async def _connect(self) -> None:
        session = self._unfinished = Session(self._place)
        try:
            await session.connect()
            session.set_levels(await cassandra_schema.read_levels(session) or session.levels)
        except BaseException:
            await session.close()
            raise
        self._unfinished = None
        await self._take(session)

    async def _take(self, session: Session) -> None:
        before = self._current
        if before and not before.is_lost:
            await session.close()
            return
        self._current = session
        if before:
            await before.close()
