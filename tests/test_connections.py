"""How many WebSockets may be open."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.live_server import client, running, settings_in, until


async def test_connections_over_the_caps_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with running(settings_in(tmp_path, connections_per_address=1)) as server:
        async with client(server.port):
            with pytest.raises(InvalidStatus) as refused:
                async with client(server.port):
                    pass
        assert (refused.value.response.status_code, refused.value.response.body) == (
            429,
            b"1 connections come from your address already.\n",
        )
        until(lambda: server.metric("bikewire_connections") == 0, "the end of the first connection")
        async with client(server.port):
            pass


async def test_connections_over_the_cap_of_all_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with running(settings_in(tmp_path, connections=1)) as server:
        async with client(server.port):
            with pytest.raises(InvalidStatus) as refused:
                async with client(server.port):
                    pass
    assert (refused.value.response.status_code, refused.value.response.body) == (
        503,
        b"All 1 connections are taken; try again later.\n",
    )
