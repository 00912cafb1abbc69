"""docs/feeds.md says what the code finds in the recorded documents, and every rule there is."""

from __future__ import annotations

from pathlib import Path

from pipeline.model import FeedState
from tests.feeds_page import PAGE, checked, part, recorded_table, rule_table

REGENERATE = "python -m tests.feeds_page writes it anew"


def test_every_rule_is_on_the_page() -> None:
    assert part(PAGE.read_text(), "rules") == rule_table(), REGENERATE


def test_the_page_tells_what_is_found_in_every_recorded_document(shared_data: Path) -> None:
    assert part(PAGE.read_text(), "recorded") == recorded_table(shared_data / "gbfs-samples"), REGENERATE


def test_every_recorded_document_is_read_and_every_deviation_named(shared_data: Path) -> None:
    found = checked(shared_data / "gbfs-samples")

    assert len(found) >= 79
    assert {check.state for check in found.values()} == {FeedState.OK}
    assert all(finding.example.endswith(".") for check in found.values() for finding in check.findings)
    assert {check.version for check in found.values()} >= {None, "1.1", "2.1", "2.2", "2.3", "3.0", "3.1-RC3"}
    entities = {name: check.entities for name, check in found.items()}
    assert entities["lime-newyork-v2.2/free_bike_status.json.gz"] == 3416
    assert entities["real/Paris/station_information.json"] == 1507
    assert entities["bcycle-santabarbara-v1.1/station-status-v1.1.json"] == 95
