"""How many WebSockets may be open, in all and from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from backend.telemetry import Telemetry


class Caps(NamedTuple):
    """The most WebSockets open at once."""

    in_all: int
    per_address: int


class Connections:
    """Passes WebSockets (it is given nothing else) on to an application.

    Those over the caps are refused with 503 or 429 and one sentence.
    """

    def __init__(self, app: ASGIApp, caps: Caps, telemetry: Telemetry) -> None:
        self._app, self._caps, self._telemetry = app, caps, telemetry
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("unknown", 0))[0]
        if refusal := self._refusal(address):
            await WebSocket(scope, receive, send).send_denial_response(refusal)
            return
        with self._counted(address), self._telemetry.connections.track_inprogress():
            await self._app(scope, receive, send)

    def _refusal(self, address: str) -> PlainTextResponse | None:
        if self._open.total() >= self._caps.in_all:
            self._telemetry.connections_refused.labels("in_all").inc()
            return PlainTextResponse(f"All {self._caps.in_all} connections are taken; try again later.\n", 503)
        if self._open[address] >= self._caps.per_address:
            self._telemetry.connections_refused.labels("per_address").inc()
            return PlainTextResponse(f"{self._caps.per_address} connections come from your address already.\n", 429)
        return None

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
