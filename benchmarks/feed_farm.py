"""A server of many made systems, in a process of its own: ``python -m benchmarks.feed_farm PORT STATIONS``.

``/N/gbfs.json`` is system N, always of this moment. ``/hang/gbfs.json`` and ``/flood/gbfs.json`` are systems whose
station_status never answers, or never ends.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

FEEDS = ("system_information", "station_information", "station_status")
CHUNK = b" " * 65_536
DOCKS = 12
PERIOD = 10
"""A station changes once in so many minutes."""

ROUND = PERIOD * (DOCKS + 1)
"""After so many minutes everything is as it was."""


class Farm:
    """The ASGI application; the documents of each minute are made once, and then only their time is changed."""

    def __init__(self, base: str, stations: int) -> None:
        self._base = base
        self._stations = [f"station_{number}" for number in range(stations)]
        self._statuses = [self._status(minute) for minute in range(ROUND)]
        self._information = json.dumps({"stations": [_declared(one, n) for n, one in enumerate(self._stations)]})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        system, _, name = scope["path"].strip("/").partition("/")
        feed = name.removesuffix(".json")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        if feed == "station_status" and system == "hang":
            await asyncio.sleep(3600)
        if feed == "station_status" and system == "flood":
            await _flood(receive, send)
            return
        await send({"type": "http.response.body", "body": self._document(system, feed)})

    def _status(self, minute: int) -> str:
        return json.dumps({"stations": [_status(one, n, minute) for n, one in enumerate(self._stations)]})

    def _document(self, system: str, feed: str) -> bytes:
        data = self._statuses[int(time.time() // 60) % ROUND] if feed == "station_status" else self._information
        if feed == "gbfs":
            listed = [{"name": one, "url": f"{self._base}/{system}/{one}.json"} for one in FEEDS]
            data = json.dumps({"en": {"feeds": listed}})
        elif feed == "system_information":
            data = json.dumps({"system_id": f"farm-{system}", "name": system, "timezone": "UTC", "language": "en"})
        return f'{{"last_updated":{int(time.time())},"ttl":0,"version":"2.3","data":{data}}}'.encode()


async def _flood(receive: Any, send: Any) -> None:
    """Send until the client has gone."""
    await receive()
    gone = asyncio.create_task(receive())
    while not gone.done():
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await asyncio.sleep(0)


def _status(station_id: str, number: int, minute: int) -> dict[str, object]:
    bikes = (number + (minute - number % PERIOD) // PERIOD) % (DOCKS + 1)
    counts = {"num_bikes_available": bikes, "num_docks_available": DOCKS - bikes}
    flags = {"is_installed": True, "is_renting": True, "is_returning": True}
    return {"station_id": station_id, **counts, **flags, "last_reported": 1_772_452_800 + number}


def _declared(station_id: str, number: int) -> dict[str, object]:
    return {"station_id": station_id, "name": station_id, "lat": 48 + number / 1e4, "lon": -4.5, "capacity": DOCKS}


@contextmanager
def farming(stations: int) -> Iterator[str]:
    """The base URL of a farm that runs meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "benchmarks.feed_farm", str(port), str(stations)]) as process:
        try:
            _wait(base)
            yield base
        finally:
            process.kill()


def _wait(base: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{base}/0/gbfs.json").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    msg = "the farm does not start"
    raise RuntimeError(msg)


if __name__ == "__main__":
    farm = Farm(f"http://127.0.0.1:{sys.argv[1]}", int(sys.argv[2]))
    uvicorn.run(farm, port=int(sys.argv[1]), log_level="critical", lifespan="off", access_log=False)
