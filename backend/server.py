"""Runs the application with uvicorn, with settings that hold against slow and vanished clients."""

from __future__ import annotations

import gc
import socket

import uvicorn
from starlette.types import ASGIApp

from backend.app import create_app
from pipeline.listener import listen
from pipeline.settings import Settings

MAX_MESSAGE_BYTES = 64 * 1024
STALLED_MILLISECONDS = 30_000
SHUTDOWN_SECONDS = 3
KEEP_ALIVE_SECONDS = 5


def serve(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then end within 5 s, whatever the clients do.

    ``listener`` is a bound socket to serve on; None binds one, and raises AddressError when it can't.
    """
    bound = listener or listen(settings.host, settings.port)
    drop_stalled(bound)
    server = uvicorn.Server(configuration(create_app(settings)))
    # Modules and schema stay for good. Looking through them for garbage held up every reader for some 50 ms.
    gc.collect()
    gc.freeze()
    server.run(sockets=[bound])


def drop_stalled(listener: socket.socket) -> None:
    """Let the kernel drop clients that stop reading; accepted sockets inherit this.

    uvicorn's keep-alive closes such a connection only once its buffer has drained, which never happens. Linux only.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MILLISECONDS)


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # Deflating each subscriber's copy costs several times what sending it does.
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # Without it a client that does not read keeps the process alive for ever.
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        lifespan="on",
        log_config=None,
        # Not a line for each socket that opens or closes.
        log_level="warning",
        access_log=False,
        server_header=False,
    )
