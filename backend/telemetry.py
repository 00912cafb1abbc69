"""What the server counts about itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.live import LiveTable
from pipeline.model import FeedState


class Telemetry:
    """The counters of one server; each server has a registry of its own."""

    def __init__(self, table: LiveTable) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(FeedStates(table))
        self.connections = Gauge("bikewire_connections", "Open WebSocket connections.", registry=self.registry)
        self.connections_refused = Counter(
            "bikewire_connections_refused",
            "WebSocket connections refused, by the rule.",
            ["rule"],
            registry=self.registry,
        )
        self.subscribers = Gauge(
            "bikewire_subscribers",
            "Running operations of WebSockets, of which most are subscriptions.",
            registry=self.registry,
        )
        self.messages = Counter("bikewire_messages", "Messages delivered to subscribers.", registry=self.registry)
        self.query_seconds = Histogram("bikewire_query_seconds", "How long queries took.", registry=self.registry)
        self.relay_lag = Gauge(
            "bikewire_relay_lag", "Log offsets not applied yet, when last looked.", registry=self.registry
        )
        self.polls = Counter("bikewire_polls", "Polls applied, by system.", ["system"], registry=self.registry)
        self.records_refused = Counter(
            "bikewire_records_refused",
            "Records of the log that do not decode, by topic.",
            ["topic"],
            registry=self.registry,
        )
        self.store_errors = Counter("bikewire_store_errors", "Reads of the store that failed.", registry=self.registry)
        self.relay_restarts = Counter(
            "bikewire_relay_restarts", "How often the relay had to start again.", registry=self.registry
        )


class FeedStates(Collector):
    """One gauge per system and feed: 1 for the state it is in."""

    def __init__(self, table: LiveTable) -> None:
        self._table = table

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "bikewire_feed_state", "1 for the state of each feed.", labels=["system", "feed", "state"]
        )
        for system_id, system in self._table.systems.items():
            for feed in system.feeds.values():
                for state in FeedState:
                    family.add_metric([system_id, feed.feed, state.value], float(feed.state == state))
        yield family
