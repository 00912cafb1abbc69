"""The feeds' health and deviations, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.feed_health import judge_all
from backend.live import LiveTable
from backend.types.feed import Deviation
from pipeline.settings import Settings


class FeedMetrics(Collector):
    """One gauge per feed, for the state it is in, and one per rule that its newest document breaks.

    None for the other states: with the whole catalogue they would be most of what is read.
    """

    def __init__(self, table: LiveTable, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._table, self._clock = table, clock
        self._tolerance_seconds = settings.stale_seconds

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield self._health()
        yield self._deviations()

    def _health(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "bikewire_feed_health", "1 for the state that each feed is in.", labels=["system", "feed", "state"]
        )
        for system_id, live in self._table.systems.items():
            for name, state in judge_all(live, self._clock(), self._tolerance_seconds).items():
                family.add_metric([system_id, name, state.value], 1.0)
        return family

    def _deviations(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "bikewire_feed_deviations",
            "Values of the newest document that break a rule.",
            labels=["system", "feed", "rule"],
        )
        for system_id, live in self._table.systems.items():
            for feed in live.feeds.values():
                for found in Deviation.by_rule(feed.deviations_by_rule):
                    family.add_metric([system_id, feed.feed, found.rule], float(found.count))
        return family
