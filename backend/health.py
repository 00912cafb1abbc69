"""/healthz, /readyz and /metrics: plain HTTP for who runs the server."""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backend.relay import Relay
from backend.telemetry import Telemetry
from pipeline.ports import Store, StoreError
from pipeline.tables import SYSTEM

STORE_SECONDS = 2.0
"""How long the store may take to answer before it counts as unreadable."""


class Health:
    """What the server says about itself; ``task`` is the one in which the relay runs."""

    def __init__(self, relay: Relay, store: Store, telemetry: Telemetry) -> None:
        self.task: asyncio.Task[None] | None = None
        self._relay, self._store, self._telemetry = relay, store, telemetry

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def alive(self, request: Request) -> Response:
        """200 while the relay runs (or tries to); 503 when only a new start can help."""
        if self.task is None or self.task.done():
            return PlainTextResponse("The relay has ended; restart the server.\n", 503)
        return PlainTextResponse("Alive.\n")

    async def ready(self, request: Request) -> Response:
        """200 when answers are current; 503 with one sentence otherwise."""
        if reason := await self._reason():
            return PlainTextResponse(f"{reason}\n", 503)
        return PlainTextResponse("Ready.\n")

    async def metrics(self, request: Request) -> Response:
        """The counters, for Prometheus."""
        return Response(generate_latest(self._telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    async def _reason(self) -> str | None:
        if self._relay.failure:
            return self._relay.failure
        if not self._relay.table.current.is_set():
            return "The relay has not caught up with the log yet."
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._store.read(SYSTEM, ("all",), limit=1)
        except TimeoutError:
            self._telemetry.store_errors.inc()
            return f"The store did not answer within {STORE_SECONDS:g} s."
        except StoreError as error:
            self._telemetry.store_errors.inc()
            return str(error)
        return None
