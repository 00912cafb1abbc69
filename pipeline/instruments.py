"""What the poller and the stream count about themselves, for Prometheus; the server's counts are its own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from pipeline.observation import Observation
from pipeline.ports import Offsets
from pipeline.settings import Settings, SettingsError

logger = logging.getLogger(__name__)


@contextmanager
def served(registry: CollectorRegistry, settings: Settings) -> Iterator[None]:
    """Serve the registry at BIKEWIRE_METRICS_PORT while the block runs; nothing is served without that setting.

    Raises SettingsError when nobody can listen there.
    """
    if settings.metrics_port is None:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        msg = f"BIKEWIRE_METRICS_PORT: {settings.host}:{settings.metrics_port} can't be listened on ({error.strerror})."
        raise SettingsError(msg) from error
    logger.info("metrics: http://%s:%d/metrics", settings.host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class PollInstruments:
    """The counts of one poller, by system."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls = Counter(
            "bikewire_polls_published", "Polls that are in the log.", ["system"], registry=self.registry
        )
        self.lost = Counter(
            "bikewire_polls_lost", "Polls that the log did not take.", ["system"], registry=self.registry
        )
        self.fetches = Counter(
            "bikewire_fetches", "What became of each fetch.", ["system", "feed", "state"], registry=self.registry
        )
        self.deviations = Counter(
            "bikewire_deviations", "Repaired or refused in documents.", ["system", "feed"], registry=self.registry
        )
        self.publish_seconds = Histogram(
            "bikewire_publish_seconds", "How long the log took for a poll.", ["system"], registry=self.registry
        )
        self.lateness = Histogram(
            "bikewire_poll_lateness_seconds",
            "How long after its instant of the grid a poll began.",
            registry=self.registry,
        )
        self._feed_age = Gauge(
            "bikewire_feed_age_seconds",
            "Time since the newest document that observed anything was made, or fetched where it does not say.",
            ["system", "feed"],
            registry=self.registry,
        )

    def published(self, system_id: str, observation: Observation, seconds: float) -> None:
        """A poll is in the log, which took so many seconds for it."""
        self.polls.labels(system_id).inc()
        self.publish_seconds.labels(system_id).observe(seconds)
        for feed, status in observation.feeds.items():
            self.fetches.labels(system_id, feed, status.state).inc()
            self.deviations.labels(system_id, feed).inc(status.deviations)
            if status.is_observing:
                self._feed_age.labels(system_id, feed).set_function(_age(status.last_updated or status.polled_at))


class StreamInstruments:
    """The counts of one stream and of the chores beside it.

    ``trailing_offsets`` at the end of a partition are no records (see `pipeline.ports.Log`).
    """

    def __init__(self, trailing_offsets: int = 0) -> None:
        self._trailing_offsets = trailing_offsets
        self.registry = CollectorRegistry()
        self.records = Counter("bikewire_stream_records", "Records computed.", registry=self.registry)
        self.batch_seconds = Histogram(
            "bikewire_batch_seconds", "How long micro-batches took, to their rows in the store.", registry=self.registry
        )
        self.store_errors = Counter("bikewire_store_errors", "Writes to the store that failed.", registry=self.registry)
        self.restarts = Counter("bikewire_query_restarts", "How often the query began again.", registry=self.registry)
        self.executors = Gauge(
            "bikewire_spark_executors", "Executors that a Spark cluster gives; NaN on local[N].", registry=self.registry
        )
        self.executors.set(math.nan)
        self.lag = Gauge(
            "bikewire_stream_lag",
            "Log offsets not consumed yet; NaN while the log is silent.",
            ["topic"],
            registry=self.registry,
        )
        self.chore_failures = Counter("bikewire_chore_failures", "By chore.", ["chore"], registry=self.registry)
        self._chore_age = Gauge(
            "bikewire_chore_age_seconds", "Time since the chore was last done.", ["chore"], registry=self.registry
        )

    def lags(self, end: Offsets, consumed: Offsets) -> None:
        """The log ends at ``end``, and the stream has consumed so much of it."""
        lags = dict.fromkeys((place.topic for place in end), 0)
        for place, offset in end.items():
            lag = offset - consumed.get(place, 0)
            lags[place.topic] += lag if lag > self._trailing_offsets else 0
        for topic, lag in lags.items():
            self.lag.labels(topic).set(lag)

    def no_lags(self) -> None:
        """Nobody can say where the log ends."""
        for sample in next(iter(self.lag.collect())).samples:
            self.lag.labels(**sample.labels).set(math.nan)

    def done(self, chore: str, at: datetime) -> None:
        """A chore was done."""
        self._chore_age.labels(chore).set_function(_age(at))


def _age(instant: datetime) -> Callable[[], float]:
    """How many seconds ago that is, whenever it is asked."""
    return lambda: time.time() - instant.timestamp()
