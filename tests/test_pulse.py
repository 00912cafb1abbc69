"""A pulse wakes at once, and not too often."""

from __future__ import annotations

import asyncio

from backend.pulse import INTERVAL_SECONDS, Pulse


async def test_every_beat_within_the_interval_is_told_as_one() -> None:
    pulse = Pulse()
    loop = asyncio.get_running_loop()

    async def two_beats() -> list[float]:
        beats = []
        for _ in range(2):
            await pulse.wait()
            beats.append(loop.time())
        return beats

    listener = asyncio.create_task(two_beats())
    await asyncio.sleep(0)
    started = loop.time()
    for _ in range(100):
        pulse.beat()
    beats = await asyncio.wait_for(listener, 5)
    assert beats[0] - started < INTERVAL_SECONDS / 2
    # The loop's clock is coarser than its timers.
    assert beats[1] - beats[0] > INTERVAL_SECONDS * 0.9
