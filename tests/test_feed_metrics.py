"""The feeds' health and deviations as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from backend.feed_health import FeedHealth
from backend.feed_metrics import FeedMetrics
from backend.live import LiveTable
from pipeline.model import FeedState
from pipeline.settings import Settings
from tests.small_city import NOW, SYSTEM, feed, small_city


def test_each_feed_has_one_health_and_each_rule_a_count(tmp_path: Path) -> None:
    city = small_city()
    found = '{"count_range":{"count":2,"example":"It is -1."}}'
    city.feeds["vehicle_status"] = feed("vehicle_status", FeedState.REFUSED, deviations=2, deviations_by_rule=found)
    registry = CollectorRegistry()
    registry.register(FeedMetrics(LiveTable({SYSTEM: city}), Settings.read(data=tmp_path), lambda: NOW))
    values = {
        (name, state): registry.get_sample_value(
            "bikewire_feed_health", {"system": SYSTEM, "feed": name, "state": state}
        )
        for name in ("station_status", "vehicle_status")
        for state in FeedHealth
    }
    assert [key for key, value in values.items() if value] == [
        ("station_status", FeedHealth.FRESH),
        ("vehicle_status", FeedHealth.REFUSED),
    ]
    labels = {"system": SYSTEM, "feed": "vehicle_status", "rule": "count_range"}
    assert registry.get_sample_value("bikewire_feed_deviations", labels) == 2.0
