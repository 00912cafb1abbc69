"""From a poll in the log to its totals in the store: on Kafka and Cassandra, and beside it on the embedded engines.

Both streams run in one JVM, on one local[2] session, and are given the same polls in turn, so that both have the same
machine. Kafka and Cassandra are real servers on it, one node each: what they compute, both streams lack.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from benchmarks.backlog import MINUTE, START, MadeSystem
from benchmarks.figure import Figure, percentile, show
from benchmarks.stream_latency import Place, opened, seconds_to_totals
from pipeline.ports import Log
from pipeline.settings import Settings
from pipeline.spark import end, session
from pipeline.stream import Stream
from pipeline.wiring import open_log
from tests.servers.cassandra import CassandraNode
from tests.servers.kafka import KafkaServer

STATIONS = 41
WARM_POLLS = 40
POLLS = 120


class Installation:
    """A stream, and a publisher as the poller's process has one."""

    def __init__(self, place: Place, publisher: Log, stream: Stream) -> None:
        self._place = place
        self._publisher = publisher
        self._stream = stream
        self._system = MadeSystem("city", STATIONS)

    def seconds(self, number: int) -> float:
        """Publish a poll; how long it takes from then until its totals can be read."""
        polled_at = START + number * MINUTE
        self._place.portal.call(self._publisher.publish, "city", self._system.poll(polled_at))
        return seconds_to_totals(self._place, polled_at, self._check)

    def _check(self) -> None:
        if self._stream.failure is not None:
            raise self._stream.failure


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Kafka and Cassandra, while the block runs: the settings that lead there."""
    with ExitStack() as stack:
        kafka, cassandra = KafkaServer(folder / "kafka"), CassandraNode(folder / "cassandra")
        for server in (kafka, cassandra):
            stack.callback(server.kill)
            server.start()
        yield {"log": kafka.url, "store": f"cassandra://{cassandra.address}:{cassandra.port}/bikewire"}


async def measure(embedded: Settings, clustered: Settings) -> list[Figure]:
    # The jars for Kafka go with a session that is to read it.
    spark = await asyncio.to_thread(session, clustered, "latency")
    try:
        async with AsyncExitStack() as stack:
            installations = []
            for settings in (embedded, clustered):
                place = await opened(stack, settings)
                publisher = await stack.enter_async_context(open_log(settings.log, "poller"))
                stream = Stream(spark, settings, place.log, place.store, place.portal)
                query = await asyncio.to_thread(stream.start)
                stack.callback(query.stop)
                installations.append(Installation(place, publisher, stream))
            return _figures(*await asyncio.to_thread(_in_turn, installations))
    finally:
        end(spark)


def _in_turn(installations: list[Installation]) -> list[list[float]]:
    """For each installation, the seconds that every poll took; the first ones do not count."""
    chance = random.Random(1)
    taken: list[list[float]] = [[] for _ in installations]
    for number in range(WARM_POLLS + POLLS):
        for installation, seconds in zip(installations, taken, strict=True):
            time.sleep(chance.uniform(0, 0.2))  # polls do not come in step with the query
            seconds.append(installation.seconds(number))
    return [seconds[WARM_POLLS:] for seconds in taken]


def _figures(embedded: list[float], clustered: list[float]) -> list[Figure]:
    (one, one_95), (two, two_95) = (
        [1000 * percentile(taken, share) for share in (0.5, 0.95)] for taken in (embedded, clustered)
    )
    return [
        Figure(
            f"poll in Kafka → its totals in Cassandra, {STATIONS} stations, warm, local[2]",
            "p50 and p95 ≤ 2 times embedded",
            f"p50 {two:.0f} ms, p95 {two_95:.0f} ms; embedded {one:.0f} and {one_95:.0f} ms:"
            f" {two / one:.2f} and {two_95 / one_95:.2f} times ({len(clustered)} polls each)",
            two <= 2 * one and two_95 <= 2 * one_95,
        )
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as urls:
        embedded = Settings.read(data=Path(folder) / "embedded")
        clustered = Settings.read(data=Path(folder) / "clustered", **urls)
        show(asyncio.run(measure(embedded, clustered)))


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    main()
