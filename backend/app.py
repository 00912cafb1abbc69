"""The server as an ASGI application: routes, headers, and what is open while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.connections import Caps, Connections
from backend.context import Context
from backend.exports import Exports
from backend.feed_metrics import FeedMetrics
from backend.figure_exports import FigureExports
from backend.health import Health
from backend.health_watch import HealthWatch
from backend.live import LiveTable
from backend.pages import GZIP, Pages
from backend.protocol import Endpoint
from backend.relay import Relay
from backend.schema import schema
from backend.telemetry import Telemetry
from pipeline.settings import Settings
from pipeline.wiring import open_log, open_store

MAX_BODY_BYTES = 64 * 1024

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    # Tile servers want to know which site asks; nobody needs to know which page.
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    # What is no page loads nothing.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Starlette:
    """The application; its lifespan opens the log and the store, follows the log, and closes them."""
    log, store = open_log(settings.log), open_store(settings.store)
    table = LiveTable()
    telemetry = Telemetry(table)
    relay = Relay(table, log, store, clock, telemetry)
    health = Health(relay, store, telemetry)
    watch = HealthWatch(table, store, settings, clock)
    telemetry.registry.register(FeedMetrics(table, settings, clock))
    pages = Pages(settings)
    context = Context(live=table, store=store, settings=settings, clock=clock)
    endpoint = Endpoint(schema, context, telemetry)
    sockets = Connections(endpoint, Caps(settings.connections, settings.connections_per_address), telemetry)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with log, store:
            health.task = asyncio.create_task(relay.run(), name="relay")
            watching = asyncio.create_task(watch.run(), name="health watch")
            rendering = asyncio.create_task(pages.prepare(), name="pages")
            try:
                yield
            finally:
                await _end(health.task, watching, rendering)

    return Starlette(
        routes=[
            # Routes, not a Mount: that would refuse the WebSocket at /graphql itself.
            Route("/graphql", endpoint, methods=["GET", "POST"], middleware=[GZIP]),
            WebSocketRoute("/graphql", sockets),
            *health.routes(),
            *Exports(context).routes(),
            *FigureExports(context).routes(),
            *pages.routes(),
        ],
        middleware=[Middleware(SecurityHeaders)],
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
    )


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        # What it failed with was logged where it happened.
        with suppress(asyncio.CancelledError, Exception):
            await task


class SecurityHeaders:
    """Puts the headers on every HTTP response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
