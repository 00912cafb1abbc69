"""The recorded Brest night at full speed: from the file to the store."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figure import Figure, show
from benchmarks.installation import BIKEWIRE

RECORDED = Path(__file__).parents[2] / "shared/data/velozef/polls.ndjson.gz"


def measure(folder: Path) -> list[Figure]:
    night, data = RECORDED if RECORDED.exists() else _made_night(folder), str(folder / "data")
    subprocess.run([BIKEWIRE, "stream", "--available-now", "--data", str(folder / "empty")], check=True, stdout=2)
    boot = _seconds([BIKEWIRE, "stream", "--available-now", "--data", str(folder / "empty")])
    replay = _seconds([BIKEWIRE, "replay", str(night), "--speed", "max", "--data", data])
    stream = _seconds([BIKEWIRE, "stream", "--available-now", "--data", data])
    took = replay + stream - boot
    measured = f"{took:.1f} s (replay {replay:.1f} s, stream {stream:.1f} s of which boot {boot:.1f} s)"
    return [
        Figure("the Brest night at --speed max, to the store and the lake", "≤ 30 s after boot", measured, took <= 30)
    ]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=2)
    return time.perf_counter() - start


def _made_night(folder: Path) -> Path:
    """A night of the recorded one's size, 528 polls of 41 stations, where the recorded one is not at hand."""
    place, start = folder / "night.ndjson.gz", datetime(2026, 3, 2, 18, 41, tzinfo=UTC)
    with gzip.open(place, "wt") as lines:
        lines.writelines(_poll_line(start + timedelta(minutes=number)) + "\n" for number in range(528))
    return place


def _poll_line(polled_at: datetime) -> str:
    chance, seconds = random.Random(polled_at.isoformat()), int(polled_at.timestamp())
    stations = [_station(f"s{number}", chance.randint(0, 12), seconds) for number in range(41)]
    places = [{"station_id": f"s{n}", "name": f"Station {n}", "lat": 48.4, "lon": -4.5 + n / 1000} for n in range(41)]
    feeds = {
        "station_information": {"last_updated": seconds, "ttl": 60, "version": "2.2", "data": {"stations": places}},
        "station_status": {"last_updated": seconds, "ttl": 60, "version": "2.2", "data": {"stations": stations}},
    }
    return json.dumps({"polled_at": polled_at.isoformat(), "system_id": "night", "feeds": feeds})


def _station(station_id: str, bikes: int, reported: int) -> dict[str, object]:
    counts = {"num_bikes_available": bikes, "num_docks_available": 12 - bikes}
    flags = {"is_installed": True, "is_renting": True, "is_returning": True}
    return {"station_id": station_id, **counts, **flags, "last_reported": reported}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        show(measure(Path(place)))
