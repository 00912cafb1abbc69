"""Run inside a container of ours: when each poll that the log holds was made, one ISO instant a line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing

from pipeline.model import FeedStatus, Topic, decode
from pipeline.settings import Settings
from pipeline.wiring import open_log

READ_SECONDS = 30.0


async def main() -> None:
    """Everything up to what is there now; it ends with the first poll after that."""
    topics = [Topic.FEED_STATUS]
    async with open_log(Settings.read().log) as log, asyncio.timeout(READ_SECONDS):
        await log.create(topics)
        ends = {place: end for place, end in (await log.end_offsets(topics)).items() if end}
        async with aclosing(log.subscribe(topics, {})) as batches:
            async for batch in batches:
                statuses = [decode(stored.topic, stored.value) for stored in batch.records]
                sys.stdout.writelines(
                    f"{status.polled_at.isoformat()}\n"
                    for status in statuses
                    if isinstance(status, FeedStatus) and status.feed == "station_status" and status.is_observing
                )
                if all(batch.offsets.get(place, 0) >= end for place, end in ends.items()):
                    return


if __name__ == "__main__":
    asyncio.run(main())
