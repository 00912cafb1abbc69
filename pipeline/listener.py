"""A bound socket to serve on; one that can't be had is told in one sentence."""

from __future__ import annotations

import errno
import os
import socket

from pipeline.settings import SettingsError


class AddressError(SettingsError):
    """The address can't be listened on; the text says why."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: a free one). From now on clients can connect, and wait to be served."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise AddressError(_sentence(host, port, error)) from error
    return listener


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that the parent process handed down."""
    return socket.socket(fileno=descriptor)


def address(listener: socket.socket) -> str:
    """The address to type into a browser on this machine, e.g. ``http://127.0.0.1:8000/``."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"BIKEWIRE_PORT: port {port} of {host} is in use; stop what uses it, or take another with --port."
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"BIKEWIRE_PORT: port {port} is not ours to use (ports below 1024 need rights); take another with --port."
        )
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"BIKEWIRE_HOST: {host!r}, port {port}, can't be listened on: {reason}."
