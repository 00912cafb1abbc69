from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.gbfs_model import Document, Feed, Station, Status, Vehicle
from tests.gbfs_documents import NOON

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("station_status", Feed.STATION_STATUS),
        ("free_bike_status", Feed.VEHICLE_STATUS),
        ("vehicle_status", Feed.VEHICLE_STATUS),
        ("geofencing_zones", Feed.GEOFENCING_ZONES),
        ("x_own", None),
        (None, None),
        ([], None),
    ],
)
def test_a_feed_has_one_name_in_all_versions(name: object, feed: Feed | None) -> None:
    assert Feed.named(name) is feed


def test_a_moved_document_moves_all_its_times() -> None:
    status = Status("1", 2, 3, None, None, True, True, True, NOON)
    silent = Status("2", 2, 3, None, None, True, True, True, None)

    moved = Document(Feed.STATION_STATUS, NOON, 60.0, (status, silent)).moved(HOUR)

    assert moved == Document(
        Feed.STATION_STATUS,
        NOON + HOUR,
        60.0,
        (Status("1", 2, 3, None, None, True, True, True, NOON + HOUR), silent),
    )


def test_vehicles_move_and_declarations_have_no_time_to_move() -> None:
    vehicle = Vehicle("v", 48.0, -4.0, None, False, False, None, None, None, NOON)
    station = Station("1", "Harbour", 48.0, -4.0)

    assert vehicle.moved(HOUR).last_reported == NOON + HOUR
    assert Document(Feed.STATION_INFORMATION, None, None, (station,)).moved(HOUR) == Document(
        Feed.STATION_INFORMATION, None, None, (station,)
    )
