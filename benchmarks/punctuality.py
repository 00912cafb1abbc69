"""How late polls begin: a poller that runs for a while, and the instants of its polls in the log."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import datetime
from itertools import pairwise

from pipeline.model import FeedStatus, Topic, decode
from pipeline.poller import poll_forever
from pipeline.ports import Log
from pipeline.settings import Settings
from pipeline.wiring import open_log

Instants = dict[str, list[datetime]]


async def polled(settings: Settings, seconds: float) -> Instants:
    """The instants of the polls of each system, in order, of a poller that runs for so many seconds."""
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        polling = asyncio.create_task(poll_forever(settings, log))
        await asyncio.sleep(seconds)
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling
        return await instants_in(log)


async def instants_in(log: Log) -> Instants:
    """The instants of the polls of each system that are in the log, in order."""
    end = await log.end_offsets([Topic.FEED_STATUS])
    found: dict[str, set[datetime]] = {}
    async with aclosing(log.subscribe([Topic.FEED_STATUS], {})) as batches:
        async for batch in batches:
            for stored in batch.records:
                record = decode(stored.topic, stored.value)
                if isinstance(record, FeedStatus) and record.feed == Topic.STATION_STATUS:
                    found.setdefault(record.system_id, set()).add(record.polled_at)
            # The last record of every poll is of this topic.
            if all(batch.offsets.get(part, 0) >= offset for part, offset in end.items()):
                break
    return {system_id: sorted(instants) for system_id, instants in found.items()}


def lateness(instants: Instants, interval_seconds: float, after_seconds: float = 0) -> list[float]:
    """How many milliseconds after its instant of the system's grid each poll began; the first ones are left out."""
    late = []
    for times in instants.values():
        seconds = [since for one in times if (since := (one - times[0]).total_seconds()) >= after_seconds]
        off = [one - round(one / interval_seconds) * interval_seconds for one in seconds]
        late += [(one - min(off)) * 1000 for one in off]
    return late


def missed(instants: Instants, interval_seconds: float) -> int:
    """How many instants of the grids went by without a poll."""
    gaps = [(later - one).total_seconds() for times in instants.values() for one, later in pairwise(times)]
    return sum(max(0, round(gap / interval_seconds) - 1) for gap in gaps)
