"""Many subscribers in a process of their own, so that their work is not counted as the server's."""

from __future__ import annotations

import asyncio
import json
from multiprocessing.connection import Connection
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 30.0


class Received(NamedTuple):
    """What all subscribers got so far, and the newest message."""

    messages: int
    bytes: int
    newest: str


def subscribe(port: int, subscribers: int, query: str | None, control: Connection) -> None:
    """Open the subscriptions (without a query: just the sockets), tell ``control``, then serve it.

    A number read from it is answered with `Received` once so many messages have come; 0 ends all.
    """
    asyncio.run(_Subscribers(port, query).run(subscribers, control))


class _Subscribers:
    def __init__(self, port: int, query: str | None) -> None:
        self._port, self._query = port, query
        self._messages = self._bytes = 0
        self._newest = ""
        self._arrival = asyncio.Event()

    async def run(self, subscribers: int, control: Connection) -> None:
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(self._read(await self._open())) for _ in range(subscribers)]
            await self._wait(subscribers)
            control.send(self._received())
            while expected := await asyncio.to_thread(control.recv):
                await self._wait(expected)
                control.send(self._received())
            for reader in readers:
                reader.cancel()

    def _received(self) -> Received:
        return Received(self._messages, self._bytes, self._newest)

    async def _wait(self, expected: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._messages < expected:
                self._arrival.clear()
                await self._arrival.wait()

    async def _open(self) -> ClientConnection:
        address = f"ws://127.0.0.1:{self._port}/"
        protocols = None if self._query is None else ["graphql-transport-ws"]
        # Nobody else is to blame for late pings here.
        socket = await connect(address, subprotocols=protocols, compression=None, ping_interval=None)  # type: ignore[arg-type]  # a NewType of str
        if self._query is not None:
            await socket.send('{"type":"connection_init"}')
            await socket.recv()
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": self._query}}))
        return socket

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            self._messages += 1
            self._bytes += len(message)
            self._newest = str(message)
            self._arrival.set()
