"""What `up` shows: the named feeds, or the demonstration in a folder of its own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.up import demo_settings, environment, reaches
from pipeline.settings import Settings


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that answers every request with these bytes; none: never."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if answer:
            writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gbfs.json"
        server.close()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "is_reached"),
    [
        (http("200 OK", '{"data": {}}'), True),
        (http("200 OK", "<html>Please log in to this network</html>"), False),
        (http("503 Service Unavailable", '{"data": {}}'), False),
    ],
)
async def test_a_feed_is_reached_when_it_answers_with_a_document(answer: bytes, is_reached: bool) -> None:
    async with answering(answer) as url:
        assert await reaches(url, 5) is is_reached


async def test_a_feed_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert await reaches(f"http://127.0.0.1:{silent.getsockname()[1]}/gbfs.json", 0.5) is False
        assert 0.5 <= time.monotonic() - began < 2


async def test_a_feed_that_refuses_is_given_up_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert await reaches(f"http://127.0.0.1:{port}/gbfs.json", 60) is False


def test_the_demonstration_never_touches_the_real_data(tmp_path: Path) -> None:
    real = Settings.read(data=tmp_path / "data", log=f"sqlite:///{tmp_path}/my.sqlite", port=8123)
    demo = demo_settings(real, "http://127.0.0.1:1/gbfs.json")
    folder = tmp_path / "data-demo"
    assert (demo.feeds, demo.port, demo.data, demo.log, demo.store, demo.lake) == (
        ("http://127.0.0.1:1/gbfs.json",),
        8123,
        folder,
        f"sqlite:///{folder}/log.sqlite",
        f"sqlite:///{folder}/store.sqlite",
        f"{folder}/lake",
    )


def test_the_demonstration_is_lively_unless_told_otherwise(tmp_path: Path) -> None:
    def poll_seconds(**given: float) -> float:
        return demo_settings(Settings.read(data=tmp_path, **given), "http://127.0.0.1:1/gbfs.json").min_poll_seconds

    assert (poll_seconds(), poll_seconds(min_poll_seconds=33)) == (10, 33)


def test_the_parts_read_the_same_settings_from_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = ("http://a/gbfs.json", "http://b/gbfs.json")
    given = {"port": 0, "hold_seconds": 7.5, "tiles": "", "log_level": "debug", "languages": ("fr", "en")}
    settings = Settings.read(feeds=feeds, data=tmp_path, **given)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == settings
