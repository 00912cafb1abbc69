"""What the server counts."""

from __future__ import annotations

from backend.live import LiveTable
from backend.telemetry import Telemetry
from pipeline.model import FeedState
from tests.small_city import feed


def test_each_feed_is_in_exactly_one_state() -> None:
    table = LiveTable()
    telemetry = Telemetry(table)
    table.system("brest").feeds = {"station_status": feed("station_status", FeedState.STALE)}
    labels = {"system": "brest", "feed": "station_status"}
    values = {
        state: telemetry.registry.get_sample_value("bikewire_feed_state", {**labels, "state": state})
        for state in FeedState
    }
    assert values == {state: float(state is FeedState.STALE) for state in FeedState}


def test_two_servers_in_one_process_count_for_themselves() -> None:
    first, second = Telemetry(LiveTable()), Telemetry(LiveTable())
    first.messages.inc(3)
    assert [it.registry.get_sample_value("bikewire_messages_total") for it in (first, second)] == [3.0, 0.0]
