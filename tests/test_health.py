"""What the server says about itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from backend import health
from backend.app import utc_now
from backend.health import Health
from backend.live import LiveTable
from backend.relay import Relay
from backend.telemetry import Telemetry
from pipeline.model import FeedState
from pipeline.settings import Settings
from pipeline.wiring import open_log, open_store
from tests.live_server import Poller, running, settings_in, until
from tests.small_city import feed


def unserved(settings: Settings) -> tuple[Starlette, LiveTable]:
    """The routes of a server whose relay has never been started, and its table."""
    table = LiveTable()
    telemetry = Telemetry(table)
    log, store = open_log(settings.log), open_store(settings.store)
    found = Health(Relay(table, log, store, utc_now, telemetry), store, telemetry)
    return Starlette(routes=found.routes()), table


async def test_a_server_that_follows_the_log_is_alive_and_ready(tmp_path: Path) -> None:
    with running(settings_in(tmp_path)) as server:
        assert [(it.status_code, it.text) for it in (server.get("/healthz"), server.get("/readyz"))] == [
            (200, "Alive.\n"),
            (200, "Ready.\n"),
        ]


async def test_a_server_without_a_relay_says_that_only_a_new_start_helps(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(unserved(settings_in(tmp_path))[0])
    async with httpx.AsyncClient(transport=transport, base_url="http://bikewire") as client:
        answers = [await client.get(path) for path in ("/healthz", "/readyz")]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (503, "The relay has ended; restart the server.\n"),
        (503, "The relay has not caught up with the log yet.\n"),
    ]


async def test_a_store_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    settings = Settings.read(data=tmp_path, store=f"sqlite:////{tmp_path}/nowhere/store.sqlite")
    app, table = unserved(settings)
    table.current.set()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bikewire") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, f"{tmp_path}/nowhere/store.sqlite" in answer.text) == (503, True)


async def test_a_store_that_does_not_answer_in_time_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STORE_SECONDS", 0)
    app, table = unserved(settings_in(tmp_path))
    table.current.set()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bikewire") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The store did not answer within 0 s.\n")


def test_a_server_whose_log_can_not_be_opened_lives_but_is_not_ready_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file where a folder should be")
    with running(Settings.read(data=folder), is_ready=False) as server:
        assert server.get("/healthz").status_code == 200
        until(lambda: str(folder) in server.get("/readyz").text, "the reason")
        assert server.get("/readyz").status_code == 503


@pytest.fixture
def measured(tmp_path: Path) -> str:
    """The metrics of a server after two polls, one query and one feed that failed."""
    poller = Poller(settings_in(tmp_path))

    async def publish() -> None:
        await poller.begin()
        await poller.poll(a=2, b=5)
        await poller.publish(feed("vehicle_status", FeedState.REFUSED, poller.polled_at))

    asyncio.run(publish())
    with running(poller.settings) as server:
        server.ask("{ systems { id } }")
        return server.get("/metrics").text


def test_the_metrics_count_polls_queries_and_feeds(measured: str) -> None:
    lines = measured.splitlines()
    assert {
        'bikewire_polls_total{system="brest"} 2.0',
        "bikewire_query_seconds_count 1.0",
        "bikewire_subscribers 0.0",
        "bikewire_connections 0.0",
        'bikewire_feed_state{feed="station_status",state="OK",system="brest"} 1.0',
        'bikewire_feed_state{feed="vehicle_status",state="REFUSED",system="brest"} 1.0',
        'bikewire_feed_state{feed="vehicle_status",state="OK",system="brest"} 0.0',
    } <= set(lines)
