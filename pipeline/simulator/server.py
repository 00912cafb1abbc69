"""The simulator's HTTP server: GBFS 1.1, 2.3 and 3.0 of every simulated system, with faults on demand.

``/gbfs.json`` is the first system's discovery, ``/{system}/gbfs.json`` is 2.3, ``/{system}/v1/gbfs.json`` is 1.1,
``/{system}/v3/gbfs.json`` is 3.0, ``/`` lists the systems, and ``/faults`` what is wrong with them.
"""

from __future__ import annotations

import asyncio
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
from pipeline.simulator.documents import Document, Moment, Version
from pipeline.simulator.fault_answers import answer_of, delay_seconds, version_of
from pipeline.simulator.fault_api import FaultApi
from pipeline.simulator.faults import ActiveFault, Faults, feed_in
from pipeline.simulator.network import Network

FOLDERS: dict[Version, str] = {"1.1": "v1/", "2.3": "", "3.0": "v3/"}
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
            kept = self._kept[version, feed] = _Kept(tick, orjson.dumps(self.content(version, feed)))
        return f'"{self.system_id}-{version}-{feed}-{tick}"', kept.body

    def content(self, version: Version, feed: str) -> Document:
        """A feed as it is now."""
        tick = self.clock.tick
        data = documents.FEEDS[version][feed](version, self._at_present())
        is_live = feed in documents.LIVE_FEEDS
        ttl = math.floor(self.clock.tick_seconds) if is_live else STATIC_TTL_SECONDS
        return documents.envelope(version, data, self.clock.began(tick), ttl)

    def discovery(self, version: Version, root: str) -> Document:
        """gbfs.json, for a server that is at ``root``."""
        urls = {feed: f"{root}{self.system_id}/{FOLDERS[version]}{feed}.json" for feed in documents.FEEDS[version]}
        data = documents.discovery(version, self.network.city, urls)
        return documents.envelope(version, data, self.clock.began(self.clock.tick), STATIC_TTL_SECONDS)

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
        self.faults = Faults()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._list),
                *FaultApi(self.faults, self.systems).routes(),
                Route("/gbfs.json", self._feed),
                Route("/{system}/{feed}.json", self._feed),
                Route("/{system}/{folder}/{feed}.json", self._feed),
            ]
        )

    async def _list(self, request: Request) -> Response:
        root = str(request.base_url)
        return _json(
            [
                {
                    "system_id": name,
                    **{version: f"{root}{name}/{folder}gbfs.json" for version, folder in FOLDERS.items()},
                }
                for name in self.systems
            ]
        )

    async def _feed(self, request: Request) -> Response:
        system, version = self._system(request), _version(request)
        feed = request.path_params.get("feed", "gbfs")
        if feed != "gbfs" and feed not in documents.FEEDS[version]:
            raise HTTPException(404)
        faults = self.faults.take(system.system_id, feed)
        if faults:
            return await self._wrong(request, system, version_of(faults) or version, feed, faults)
        if feed == "gbfs":
            return _json(system.discovery(version, str(request.base_url)))
        tag, body = system.document(version, feed)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, media_type="application/json", headers={"etag": tag})

    async def _wrong(
        self, request: Request, system: System, version: Version, feed: str, faults: Sequence[ActiveFault]
    ) -> Response:
        """What is answered under faults; it has no entity tag."""
        await asyncio.sleep(delay_seconds(faults))
        name = feed_in(version, feed)
        if name == "gbfs":
            document = system.discovery(version, str(request.base_url))
        elif name in documents.FEEDS[version]:
            document = system.content(version, name)
        else:
            raise HTTPException(404)
        return answer_of(document, faults, (system.system_id, version, name))

    def _system(self, request: Request) -> System:
        try:
            return self.systems[request.path_params.get("system", self.first)]
        except KeyError:
            raise HTTPException(404) from None


def _version(request: Request) -> Version:
    folder = f"{request.path_params['folder']}/" if "folder" in request.path_params else ""
    found = next((version for version, known in FOLDERS.items() if known == folder), None)
    if found is None:
        raise HTTPException(404)
    return found


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
