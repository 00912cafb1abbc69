"""Publishes numbered polls to a log, as a process of its own.

``python -m tests.log_publisher URL SYSTEM RECORDS [N SECONDS]`` prints a poll's number once it is published. Without
N it goes on until it is killed. Its role is the system's: a killed one is followed by another in its place.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time

from pipeline.ports import LogRecord
from pipeline.wiring import open_log


def poll(system_id: str, number: int, records: int, topic: str = "station_status") -> list[LogRecord]:
    """A poll whose records say which of how many they are, and when they were made."""
    return [
        LogRecord(
            topic,
            f"{system_id}/{index}",
            json.dumps(
                {"system": system_id, "poll": number, "index": index, "of": records, "made": time.time()}
            ).encode(),
        )
        for index in range(records)
    ]


async def publish(url: str, system_id: str, records: int, polls: int | None, seconds: float) -> None:
    """Publish polls under this process's own numbers, ``seconds`` apart."""
    start = time.time_ns()
    async with open_log(url, system_id) as log:
        await log.create(["station_status"])
        for number in itertools.count(start) if polls is None else range(start, start + polls):
            await log.publish(system_id, poll(system_id, number, records))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            await asyncio.sleep(seconds)


if __name__ == "__main__":
    url, system_id, records, *rest = sys.argv[1:]
    asyncio.run(publish(url, system_id, int(records), int(rest[0]) if rest else None, float(rest[1]) if rest else 0))
