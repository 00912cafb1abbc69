"""The simulator's own HTTP API: what is to be wrong with the simulated feeds.

``POST /faults`` takes a fault as JSON, ``GET /faults`` lists those that are on, ``DELETE /faults/{number}`` ends one
and ``DELETE /faults`` all of them.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.simulator.faults import MEANING, ActiveFault, Fault, Faults


class FaultApi:
    """Routes that change ``faults``; a fault of a system that is not simulated is refused."""

    def __init__(self, faults: Faults, systems: Container[str]) -> None:
        self._faults = faults
        self._systems = systems

    def routes(self) -> list[Route]:
        return [
            Route("/faults", self._list, methods=["GET"]),
            Route("/faults", self._add, methods=["POST"]),
            Route("/faults", self._clear, methods=["DELETE"]),
            Route("/faults/{number:int}", self._remove, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        return _json({"faults": [_told(active) for active in self._faults], "kinds": MEANING})

    async def _add(self, request: Request) -> Response:
        try:
            fault = msgspec.json.decode(await request.body(), type=Fault)
        except (msgspec.DecodeError, ValueError) as error:
            return PlainTextResponse(f"The fault is refused: {error}.\n", 400)
        if fault.system is not None and fault.system not in self._systems:
            return PlainTextResponse(f"The fault is refused: there is no system {fault.system[:80]!r}.\n", 400)
        return _json(_told(self._faults.add(fault)), 201)

    async def _clear(self, request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        is_found = self._faults.remove(request.path_params["number"])
        return Response(status_code=204 if is_found else 404)


def _told(active: ActiveFault) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(active.fault)
    return {"number": active.number, **told, **({} if active.left is None else {"left": active.left})}


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
