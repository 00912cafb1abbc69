"""The simulator's HTTP server: GBFS 2.3 and 3.0 of every simulated system.

``/gbfs.json`` is the first system's discovery, ``/{system}/gbfs.json`` is 2.3, ``/{system}/v3/gbfs.json`` is 3.0,
and ``/`` lists the systems.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.simulator import documents
from pipeline.simulator.brest import BREST
from pipeline.simulator.city import City, generated_city
from pipeline.simulator.clock import Clock
from pipeline.simulator.documents import Moment, Version
from pipeline.simulator.network import Network

USUAL_STATIONS = 40
STATIC_TTL_SECONDS = 3600


def cities(systems: int, stations: int | None, seed: int) -> list[City]:
    """The systems to simulate: Brest first, unless a number of stations is asked for; then generated ones."""
    first = 1 if stations is None else 0
    generated = [generated_city(number, stations or USUAL_STATIONS, seed) for number in range(first + 1, systems + 1)]
    return [BREST, *generated] if first else generated


@dataclass
class _Kept:
    """A document that was made in one tick."""

    tick: int
    body: bytes


@dataclass
class System:
    """One simulated system and the documents of its present tick."""

    network: Network
    clock: Clock
    _tick: int | None = None
    _moment: Moment | None = None
    _kept: dict[tuple[Version, str], _Kept] = field(default_factory=dict)

    @property
    def system_id(self) -> str:
        return self.network.city.system_id

    def document(self, version: Version, feed: str) -> tuple[str, bytes]:
        """A feed's entity tag and body."""
        tick = self.clock.tick if feed in documents.LIVE_FEEDS else 0
        kept = self._kept.get((version, feed))
        if kept is None or kept.tick != tick:
            kept = self._kept[version, feed] = _Kept(tick, self._made(version, feed, tick))
        return f'"{self.system_id}-{version}-{feed}-{tick}"', kept.body

    def _made(self, version: Version, feed: str, tick: int) -> bytes:
        make = documents.FEEDS[version][feed]
        if feed in documents.LIVE_FEEDS:
            ttl, updated = math.floor(self.clock.tick_seconds), self.clock.began(tick)
        else:
            ttl, updated = STATIC_TTL_SECONDS, self.clock.began(self.clock.tick)
        return orjson.dumps(documents.envelope(version, make(version, self._at_present()), updated, ttl))

    def _at_present(self) -> Moment:
        tick = self.clock.tick
        if self._moment is None or tick != self._tick:
            self.network.advance(self.clock.simulated(self.clock.began(tick)))
            self._moment = Moment(
                self.network.city, self.network.stations(), self.network.vehicles(), self.clock.published
            )
            self._tick = tick
        return self._moment


class Simulator:
    """The systems by id, as an HTTP application."""

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = {system.system_id: system for system in systems}
        self.first = systems[0].system_id

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._list),
                Route("/gbfs.json", self._discovery),
                Route("/{system}/gbfs.json", self._discovery),
                Route("/{system}/v3/gbfs.json", self._discovery_3),
                Route("/{system}/{feed}.json", self._feed),
                Route("/{system}/v3/{feed}.json", self._feed_3),
            ]
        )

    async def _list(self, request: Request) -> Response:
        root = str(request.base_url)
        return _json(
            [
                {"system_id": name, "2.3": f"{root}{name}/gbfs.json", "3.0": f"{root}{name}/v3/gbfs.json"}
                for name in self.systems
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        return self._discover(request, "2.3", "")

    async def _discovery_3(self, request: Request) -> Response:
        return self._discover(request, "3.0", "v3/")

    async def _feed(self, request: Request) -> Response:
        return self._answer(request, "2.3")

    async def _feed_3(self, request: Request) -> Response:
        return self._answer(request, "3.0")

    def _discover(self, request: Request, version: Version, folder: str) -> Response:
        system = self._system(request)
        root = f"{request.base_url}{system.system_id}/{folder}"
        urls = {feed: f"{root}{feed}.json" for feed in documents.FEEDS[version]}
        data = documents.discovery(version, system.network.city, urls)
        updated = system.clock.began(system.clock.tick)
        return _json(documents.envelope(version, data, updated, STATIC_TTL_SECONDS))

    def _answer(self, request: Request, version: Version) -> Response:
        feed = request.path_params["feed"]
        if feed not in documents.FEEDS[version]:
            raise HTTPException(404)
        tag, body = self._system(request).document(version, feed)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, media_type="application/json", headers={"etag": tag})

    def _system(self, request: Request) -> System:
        try:
            return self.systems[request.path_params.get("system", self.first)]
        except KeyError:
            raise HTTPException(404) from None


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")


def simulator(
    systems: int, stations: int | None, vehicles: int | None, seed: int, tick_seconds: float, speed: float
) -> Simulator:
    """A simulator of ``systems`` systems, each with ``stations`` stations and ``vehicles`` vehicles."""
    clock = Clock(tick_seconds, speed)
    return Simulator([System(Network(city, seed, vehicles), clock) for city in cities(systems, stations, seed)])


def run(simulation: Simulator, listener: socket.socket) -> None:
    """Serve on a bound socket until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(
        simulation.app(), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    uvicorn.Server(config).run(sockets=[listener])
