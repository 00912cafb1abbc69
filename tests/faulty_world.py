"""A simulator whose feeds go wrong on demand, a real poller, its log, and a server: all on this machine, in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import uvicorn

from pipeline.listener import listen
from pipeline.poller import poll_forever
from pipeline.settings import Settings
from pipeline.simulator.city import generated_city
from pipeline.simulator.clock import Clock
from pipeline.simulator.network import Network
from pipeline.simulator.server import Simulator, System
from pipeline.tables import NETWORK_HISTORY, TABLES
from pipeline.wiring import open_log, open_store
from tests.live_server import LiveServer, running, until

STATIONS = 12
PATIENCE = 60.0
POLL_SECONDS = 0.5
FROZEN_SECONDS = 3.0


class Daytime(Clock):
    """Runs from eight in the morning, so that somebody is riding."""

    def __init__(self, zone: str) -> None:
        super().__init__(POLL_SECONDS, speed=300)
        local = datetime.now(ZoneInfo(zone))
        self._shift = local.replace(hour=8, minute=0, second=0, microsecond=0) - local

    def simulated(self, real: datetime) -> datetime:
        return super().simulated(real) + self._shift

    def published(self, simulated: datetime) -> datetime:
        return super().published(simulated - self._shift)


@dataclass
class FaultyWorld:
    """Systems by id, each with what may be wrong with it, and what is shown of them."""

    simulator: str
    server: LiveServer
    settings: Settings

    def wrong(self, system_id: str, **fault: Any) -> None:
        answer = httpx.post(f"{self.simulator}/faults", json={"system": system_id, **fault})
        assert answer.status_code == 201, answer.text

    def right(self) -> None:
        """Nothing is wrong any more."""
        assert httpx.delete(f"{self.simulator}/faults").status_code == 204

    def shown(self, system_id: str) -> dict[str, Any]:
        """What the API says of the system."""
        query = f"""{{ system(id: "{system_id}") {{ isStale health {{ state reason }}
            stations(first: 100) {{ nodes {{ id status {{ state bikes docks }} }} }}
            feeds {{ name state fetch httpStatus deviations {{ rule count }} }} }} }}"""
        answer = self.server.ask(query, timeout=PATIENCE).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]["system"] or {}

    def health(self, system_id: str) -> str | None:
        return (self.shown(system_id).get("health") or {}).get("state")

    def known(self, system_id: str) -> int:
        """How many stations are in a known state."""
        nodes = self.shown(system_id)["stations"]["nodes"]
        return sum(1 for one in nodes if one["status"] and one["status"]["state"] != "UNKNOWN")

    def is_whole(self, system_id: str) -> bool:
        """Whether all its stations are known."""
        return self.health(system_id) is not None and self.known(system_id) == STATIONS

    def wait_until_whole(self, system_id: str) -> None:
        until(lambda: self.is_whole(system_id), f"all stations of {system_id}", PATIENCE)

    def wait_until_moving(self, system_id: str) -> None:
        """Wait until somebody has ridden: what never moved since the server began is not known to stand still."""
        before = self.shown(system_id)["stations"]
        until(lambda: self.shown(system_id)["stations"] != before, f"a ride in {system_id}", PATIENCE)

    def feed(self, system_id: str, name: str = "station_status") -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.shown(system_id)["feeds"] if one["name"] == name)
        return found

    def metric(self, line: str) -> float | None:
        """The value of a metric with exactly these labels."""
        lines = self.server.get("/metrics", timeout=PATIENCE).text.splitlines()
        return next((float(one.rsplit(" ", 1)[1]) for one in lines if one.startswith(f"{line} ")), None)

    def exported(self, system_id: str) -> int:
        """How many stations other software is told the state of."""
        document = self.server.get(f"/gbfs/{system_id}/station_status.json", timeout=PATIENCE).json()
        return len(document["data"]["stations"])


@contextmanager
def faulty_world(folder: Path, count: int, busy: Sequence[str]) -> Iterator[FaultyWorld]:
    """A world of so many systems, all known and fresh; of the busy ones it is known that they move at this hour."""
    with _simulating(count) as (address, names):
        feeds = [f"{address}/{name}/gbfs.json" for name in names]
        settings = Settings.read(
            data=folder,
            feeds=feeds,
            min_poll_seconds=POLL_SECONDS,
            timeout_seconds=5,
            hold_seconds=8,
            stale_seconds=10,
            frozen_seconds=FROZEN_SECONDS,
            max_body_bytes=300_000,
        )
        asyncio.run(_remember_a_busy_day(settings, busy))
        with running(settings) as server, _polling(settings):
            world = FaultyWorld(address, server, settings)
            for name in names:
                world.wait_until_whole(name)
            for name in busy:
                world.wait_until_moving(name)
            yield world


@contextmanager
def _simulating(count: int) -> Iterator[tuple[str, list[str]]]:
    cities = [generated_city(number, STATIONS, 1) for number in range(1, count + 1)]
    app = Simulator([System(Network(city, 1), Daytime(city.time_zone)) for city in cities]).app()
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator")
        thread.start()
        try:
            until(lambda: server.started, "the start of the simulator", PATIENCE)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", [city.system_id for city in cities]
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@contextmanager
def _polling(settings: Settings) -> Iterator[None]:
    loop = asyncio.new_event_loop()

    async def poll() -> None:
        async with open_log(settings.log) as log:
            await poll_forever(settings, log)

    task = loop.create_task(poll())
    thread = threading.Thread(target=_run, args=(loop, task), name="poller")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(PATIENCE)
    assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _remember_a_busy_day(settings: Settings, system_ids: Sequence[str]) -> None:
    """Yesterday about this time the totals changed with every poll, four times a second, for ten minutes."""
    start = datetime.now(UTC) - timedelta(days=1, seconds=30)
    polls = [start + timedelta(seconds=0.25) * number for number in range(2400)]
    optional = {"vehicles_outside_stations", "vehicles_reserved", "vehicles_disabled"}
    zeros = {name: 0 for name, kind in NETWORK_HISTORY.columns.items() if kind == "long" and name not in optional}
    rows: list[dict[str, Any]] = [
        {
            "system_id": name,
            "day": polled_at.date(),
            "polled_at": polled_at,
            **zeros,
            "bikes": number % 7,
            "hold_seconds": 1.0,
        }
        for name in system_ids
        for number, polled_at in enumerate(polls)
    ]
    async with open_store(settings.store) as store:
        await store.create(TABLES)
        await store.write({NETWORK_HISTORY: rows})
