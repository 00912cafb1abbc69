"""The server against clients that stall, vanish or crowd it, and how it starts and ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from backend import server as server_module
from pipeline.listener import AddressError, listen
from pipeline.model import Record
from tests.live_server import LiveServer, Poller, client, running, settings_in, until
from tests.small_city import information

STATIONS = [f"station {number}" for number in range(1000)]
WIDE = (
    'subscription { stationUpdates(systemId: "brest") { cursor polledAt stations { id name lat lon capacity'
    " status { state bikes docks isInstalled isRenting isReturning polledAt } } } }"
)


@contextmanager
def stalled(port: int) -> Iterator[socket.socket]:
    """A subscriber that never reads, with as little room for unread bytes as the kernel gives."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        lines = [
            "GET /graphql HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OUFCQ0RFRg==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        subscribe = {"id": "1", "type": "subscribe", "payload": {"query": WIDE}}
        connection.sendall(_frame({"type": "connection_init"}) + _frame(subscribe))
        yield connection


def _frame(message: dict[str, Any]) -> bytes:
    """A masked text frame; a mask of zeros leaves the payload as it is."""
    payload = json.dumps(message).encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2)
    return b"\x81" + size + bytes(4) + payload


async def wide_city(folder: Path, **more: Any) -> Poller:
    """A poller of 1,000 stations."""
    poller = Poller(settings_in(folder, **more))
    await poller.begin()
    stations: list[Record] = [information(name, name, 48.0, -4.0) for name in STATIONS]
    await poller.publish(*stations)
    return poller


async def wide_poll(poller: Poller, bikes: int) -> None:
    await poller.poll(changed=STATIONS, **dict.fromkeys(STATIONS, bikes))


async def test_a_stalled_reader_costs_the_others_nothing_and_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_module.STALLED_MILLISECONDS == 30_000
    monkeypatch.setattr(server_module, "STALLED_MILLISECONDS", 3_000)
    poller = await wide_city(tmp_path)
    with running(poller.settings) as server:
        async with client(server.port, max_size=None) as healthy:
            await healthy.subscribe(WIDE)
            await healthy.receive()
            with stalled(server.port):
                until(lambda: server.metric("bikewire_subscribers") == 2, "the second subscription")
                told = []
                for bikes in range(40):
                    await wide_poll(poller, bikes)
                    update = await healthy.updates()
                    told.append({station["status"]["bikes"] for station in update["stations"] if station["id"] != "a"})
                    if bikes == 20:
                        grown = psutil.Process().memory_info().rss
                assert psutil.Process().memory_info().rss < grown + 30e6
                await asyncio.to_thread(
                    until, lambda: server.metric("bikewire_connections") == 1, "the end of the stalled one", 10
                )
            # The first of them also says that b, which is not polled any more, is unknown.
            assert told[1:] == [{bikes} for bikes in range(1, 40)]


async def test_a_thousand_clients_that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path))
    await poller.begin()
    with running(poller.settings) as server:
        idle = server.tasks
        for _ in range(1000):
            await _vanish(server)
        until(lambda: server.metric("bikewire_connections") == 0, "the end of all connections")
        assert server.metric("bikewire_subscribers") == 0
        until(lambda: server.tasks <= idle, "the end of all tasks")


async def _vanish(server: LiveServer) -> None:
    with suppress(Exception):  # what the client's library makes of it does not matter
        async with client(server.port) as abrupt:
            await abrupt.subscribe()
            abrupt.socket.transport.abort()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"^BIKEWIRE_PORT: port {port} of 127\.0\.0\.1 is in use"):
            server_module.serve(settings_in(tmp_path, port=port))


def test_importing_the_server_stays_clear_of_what_it_does_not_need() -> None:
    code = (
        "import sys, backend.server; print([m for m in ('pyspark', 'pandas', 'pyarrow', 'folium') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`bikewire serve` as a process, once it answers."""
    with listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port), "--data", str(folder)]
    with (folder / "serve.log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "BIKEWIRE_LOG_LEVEL": "WARNING"})
    try:
        until(lambda: _answers(port), "an answer of the server")
        yield started, port
    finally:
        started.kill()
        started.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


async def test_sigterm_ends_the_server_within_5_s_whatever_its_clients_do(tmp_path: Path) -> None:
    poller = await wide_city(tmp_path)
    with process(tmp_path) as (served, port), stalled(port):
        async with client(port, max_size=None) as healthy:
            await healthy.subscribe(WIDE)
            for bikes in range(30):
                await wide_poll(poller, bikes)
            await healthy.updates()
            started = time.monotonic()
            served.send_signal(signal.SIGTERM)
            await asyncio.to_thread(served.wait, 10)
            assert time.monotonic() - started < 5
            assert (await healthy.closing())[0] == 1012
