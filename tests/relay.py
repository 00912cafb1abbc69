"""A relay between clients and a server on this machine, that can be cut as a network is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from anyio.from_thread import BlockingPortal, start_blocking_portal


class Relay:
    """Passes on what comes from either side, in a thread of its own; cut, it passes nothing on and closes nothing."""

    def __init__(self, portal: BlockingPortal, target: int) -> None:
        self._portal = portal
        self._target = target
        self._is_whole = asyncio.Event()
        self._is_whole.set()

    def cut(self) -> None:
        self._portal.call(self._is_whole.clear)

    def mend(self) -> None:
        self._portal.call(self._is_whole.set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side has nothing more to say."""
        with closing(writer), suppress(OSError, asyncio.CancelledError):
            await self._is_whole.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            with closing(far_writer):
                ways = self._pass_on(reader, far_writer), self._pass_on(far_reader, writer)
                await asyncio.wait(map(asyncio.ensure_future, ways), return_when=asyncio.FIRST_COMPLETED)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._is_whole.wait()
                writer.write(data)
                await writer.drain()


@contextmanager
def relaying(port: int, target: int) -> Iterator[Relay]:
    """A relay from one port of this machine to another."""
    with start_blocking_portal() as portal:
        relay = Relay(portal, target)
        server = portal.call(asyncio.start_server, relay.serve, "127.0.0.1", port)
        try:
            yield relay
        finally:
            portal.call(server.close)
