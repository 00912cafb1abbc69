"""From the body of a station_status to the records of the log, on one core: how many stations a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.figure import Figure, show
from pipeline.gbfs_model import Feed
from pipeline.observation import Observer
from pipeline.reading import Fetch
from pipeline.settings import Settings

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
STATIONS = 1500
POLLS = 60
MUST = 100_000

Station = dict[str, object]


def station(poll: int, number: int) -> Station:
    """A station of GBFS 2.3 in which nothing is wrong."""
    bikes = (poll + number) % 20
    return {
        "station_id": f"station_{number}",
        "num_bikes_available": bikes,
        "num_docks_available": 20 - bikes,
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "last_reported": int((START + timedelta(minutes=poll)).timestamp()) - number % 50,
    }


def typed(poll: int, number: int) -> Station:
    """A station of GBFS 3.0 with the vehicles of each type."""
    good = station(poll, number)
    bikes = int(str(good.pop("num_bikes_available")))
    reported = (START + timedelta(minutes=poll, seconds=-(number % 50))).isoformat()
    types = [
        {"vehicle_type_id": "ebike", "count": bikes // 2},
        {"vehicle_type_id": "bike", "count": bikes - bikes // 2},
    ]
    return {**good, "num_vehicles_available": bikes, "vehicle_types_available": types, "last_reported": reported}


def odd(poll: int, number: int) -> Station:
    """A station with three things to repair: every one of them goes the slow way."""
    return {**station(poll, number), "station_id": number, "is_renting": 1, "last_reported": 0}


def bodies(version: str, make: Callable[[int, int], Station]) -> list[tuple[datetime, bytes]]:
    found = []
    for poll in range(POLLS):
        now = START + timedelta(minutes=poll)
        updated: object = now.isoformat() if version >= "3" else int(now.timestamp())
        data = {"stations": [make(poll, number) for number in range(STATIONS)]}
        document = {"last_updated": updated, "ttl": 60, "version": version, "data": data}
        found.append((now, json.dumps(document).encode()))
    return found


def rate(sent: list[tuple[datetime, bytes]]) -> float:
    """Records a second of this process's time."""
    observer = Observer("benchmark", Settings())
    started = time.process_time()
    for now, body in sent:
        observation = observer.observe(now, {Feed.STATION_STATUS: Fetch(body=body)})
        observation.log_records()
        observer.keep(observation)
    return len(sent) * STATIONS / (time.process_time() - started)


def measure() -> list[Figure]:
    kinds = {"GBFS 2.3": ("2.3", station), "GBFS 3.0, by vehicle type": ("3.0", typed), "all odd": ("2.3", odd)}
    figures = []
    for name, (version, make) in kinds.items():
        found = rate(bodies(version, make))
        # What is promised is for feeds as they are; that every station is odd shows what the slow way costs.
        must = f"≥ {MUST:,} records/s" if make is not odd else "to know"
        is_kept = found >= MUST or make is odd
        figures.append(Figure(f"parse, validate and encode: {name}", must, f"{found:,.0f} records/s", is_kept))
    return figures


if __name__ == "__main__":
    show(measure())
