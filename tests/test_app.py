"""The application: its headers, and that it closes what it opened."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from backend.app import SECURITY_HEADERS
from tests.live_server import running, settings_in


@pytest.mark.parametrize("path", ["/healthz", "/graphql?query={__typename}", "/static/app.js", "/nowhere"])
def test_every_answer_carries_the_security_headers(tmp_path: Path, path: str) -> None:
    with running(settings_in(tmp_path)) as server:
        headers = server.get(path).headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_no_thread_is_left_when_it_ends(tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with running(settings_in(tmp_path)) as server:
        assert server.get("/healthz").status_code == 200
    assert {thread.name for thread in threading.enumerate()} - before == set()


def test_graphql_answers_nothing_but_get_and_post(tmp_path: Path) -> None:
    with running(settings_in(tmp_path)) as server:
        assert httpx.delete(f"http://127.0.0.1:{server.port}/graphql").status_code == 405
