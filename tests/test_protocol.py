"""GraphQL over HTTP and graphql-transport-ws, held to their specifications."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from backend import protocol
from tests.live_server import UPDATES, Client, LiveServer, Poller, client, running, settings_in

AUDIT = Path(__file__).parent / "audit.mjs"
LIBRARY = Path(__file__).parents[1] / "frontend" / "node_modules" / "graphql-http"
PING = {"type": "ping"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = settings_in(tmp_path_factory.mktemp("protocol"))
    asyncio.run(Poller(settings).begin())
    with running(settings) as found:
        yield found


@pytest.fixture
async def fresh(server: LiveServer) -> AsyncIterator[Client]:
    """A client that has not sent connection_init."""
    async with client(server.port, is_initiated=False) as found:
        yield found


@pytest.fixture
async def ready(server: LiveServer) -> AsyncIterator[Client]:
    async with client(server.port) as found:
        yield found


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None or not LIBRARY.is_dir():
        reason = "the audit needs node and `make install`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def test_every_audit_of_graphql_over_http_passes(server: LiveServer, node: str) -> None:
    command = [node, str(AUDIT), f"http://127.0.0.1:{server.port}/graphql"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    audits = [json.loads(line) for line in lines]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == 61


@pytest.mark.parametrize(
    ("headers", "content_type", "status", "has_data"),
    [
        (
            {"accept": "application/graphql-response+json"},
            "application/graphql-response+json; charset=utf-8",
            400,
            False,
        ),
        ({"accept": "application/json"}, "application/json", 200, True),
    ],
)
def test_a_refused_query_is_answered_in_the_media_type_asked_for(
    server: LiveServer, headers: dict[str, str], content_type: str, status: int, has_data: bool
) -> None:
    answer = server.ask("{ nonsense }", headers=headers)
    assert (answer.headers["content-type"], answer.status_code, "data" in answer.json()) == (
        content_type,
        status,
        has_data,
    )
    assert answer.json()["errors"][0]["message"] == "Cannot query field 'nonsense' on type 'Query'."


def test_a_query_may_come_by_get(server: LiveServer) -> None:
    assert server.get("/graphql", params={"query": "{ systems { id } }"}).json() == {
        "data": {"systems": [{"id": "brest"}]}
    }


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 400),
        ({"data": {"query": "{ __typename }"}}, 400),
        ({"files": {"query": b"{ __typename }"}}, 400),
        ({"json": [{"query": "{ __typename }"}]}, 400),
        ({"json": {"query": "{ __typename }" + " " * 70_000}}, 413),
    ],
)
def test_a_body_that_is_no_query_is_refused(server: LiveServer, options: dict[str, Any], status: int) -> None:
    import httpx

    answer = httpx.post(f"http://127.0.0.1:{server.port}/graphql", **options)
    assert answer.status_code == status


def test_a_query_over_the_limits_is_refused_over_http(server: LiveServer) -> None:
    answer = server.ask("{ " + "__typename " * 11 + "}")
    assert answer.json()["errors"] == [
        {"message": "The query has 11 root fields; at most 10 are answered.", "extensions": {"code": "LIMIT"}}
    ]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '"text"', "null", "3", "{}", '{"type":3}', '{"type":"nonsense"}', '{"type":"ping","payload":"x"}'],
)
async def test_a_message_that_is_none_closes_the_socket_with_4400(fresh: Client, text: str) -> None:
    await fresh.socket.send(text)
    assert (await fresh.closing())[0] == 4400


async def test_a_binary_message_closes_the_socket_with_4400(fresh: Client) -> None:
    await fresh.socket.send(b"{}")
    assert await fresh.closing() == (4400, "WebSocket message type must be text")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"payload": {"query": UPDATES}}, "subscribe must have an id: text of 1 to 256 characters"),
        ({"id": "", "payload": {"query": UPDATES}}, "subscribe must have an id: text of 1 to 256 characters"),
        ({"id": "x" * 257, "payload": {"query": UPDATES}}, "subscribe must have an id: text of 1 to 256 characters"),
        ({"id": 7, "payload": {"query": UPDATES}}, "subscribe must have an id: text of 1 to 256 characters"),
        ({"id": "1"}, "subscribe must have a query: text"),
        ({"id": "1", "payload": {}}, "subscribe must have a query: text"),
        ({"id": "1", "payload": {"query": 7}}, "subscribe must have a query: text"),
        ({"id": "1", "payload": "text"}, "The payload of subscribe must be an object"),
        ({"id": "1", "payload": {"query": UPDATES, "variables": []}}, "variables must be an object"),
        ({"id": "1", "payload": {"query": UPDATES, "operationName": 1}}, "operationName must be text"),
        ({"id": "1", "payload": {"query": UPDATES, "extensions": 1}}, "extensions must be an object"),
    ],
)
async def test_a_subscribe_of_a_wrong_shape_closes_the_socket(
    ready: Client, message: dict[str, Any], reason: str
) -> None:
    await ready.send(type="subscribe", **message)
    assert await ready.closing() == (4400, reason)


async def test_a_close_reason_is_cut_to_what_its_frame_holds(ready: Client) -> None:
    await ready.send(type="é" * 200)
    assert await ready.closing() == (4400, "Unknown message type: " + "é" * 50)


async def test_an_init_with_payload_null_is_acknowledged(fresh: Client) -> None:
    await fresh.send(type="connection_init", payload=None)
    assert await fresh.receive() == {"type": "connection_ack"}


async def test_a_second_init_closes_the_socket_with_4429(ready: Client) -> None:
    await ready.send(type="connection_init")
    assert await ready.closing() == (4429, "Too many initialisation requests")


async def test_a_subscribe_before_the_init_closes_the_socket_with_4401(fresh: Client) -> None:
    await fresh.subscribe()
    assert await fresh.closing() == (4401, "Unauthorized")


async def test_an_id_in_use_closes_the_socket_with_4409(ready: Client) -> None:
    await ready.subscribe()
    await ready.updates()
    await ready.subscribe()
    assert await ready.closing() == (4409, "Subscriber for 1 already exists")


async def test_a_socket_that_never_says_init_is_closed_with_4408(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protocol.INIT_SECONDS == 10
    monkeypatch.setattr(protocol, "INIT_SECONDS", 0.2)
    with running(settings_in(tmp_path)) as hasty:
        async with client(hasty.port, is_initiated=False) as silent:
            await silent.send(**PING)
            assert await silent.receive() == {"type": "pong"}
            assert await silent.closing() == (4408, "Connection initialisation timeout")


async def test_a_ping_is_answered_with_its_payload(ready: Client) -> None:
    await ready.send(type="ping", payload={"sent": 1})
    assert await ready.receive() == {"type": "pong", "payload": {"sent": 1}}


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"query": "{"}, "Syntax Error: Expected Name, found <EOF>."),
        ({"query": "subscription { nonsense }"}, "Cannot query field 'nonsense' on type 'Subscription'."),
        ({"query": UPDATES, "operationName": "x" * 200}, f'Unknown operation named "{"x" * 200}".'),
        ({"query": "subscription { networkUpdates { bikes } }"}, None),
        ({"query": UPDATES, "variables": {"ids": 3.5}}, None),
        ({"query": "subscription { " + "a: __typename " * 11 + "}"}, None),
    ],
)
async def test_a_wrong_operation_ends_with_an_error_and_the_socket_lives_on(
    ready: Client, payload: dict[str, Any], sentence: str | None
) -> None:
    await ready.send(id="1", type="subscribe", payload=payload)
    answer = await ready.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert sentence in (None, answer["payload"][0]["message"])
    await ready.subscribe(id="1")
    assert (await ready.updates())["snapshot"]


async def test_a_query_over_the_socket_is_answered_and_completed(ready: Client) -> None:
    await ready.subscribe("{ systems { id } }")
    assert [await ready.receive(), await ready.receive()] == [
        {"id": "1", "type": "next", "payload": {"data": {"systems": [{"id": "brest"}]}}},
        {"id": "1", "type": "complete"},
    ]


async def test_a_completed_subscription_frees_its_id(ready: Client) -> None:
    await ready.subscribe(id='a"b')
    message = await ready.receive()
    assert message["id"] == 'a"b'
    await ready.send(id='a"b', type="complete")
    await ready.subscribe(id='a"b')
    assert (await ready.receive())["type"] == "next"


async def test_the_eleventh_subscription_of_a_socket_is_refused(ready: Client) -> None:
    for number in range(11):
        await ready.subscribe(id=str(number))
    kinds = sorted([(await ready.receive())["type"] for _ in range(11)])
    assert kinds == ["error"] + ["next"] * 10


async def test_a_flood_of_messages_closes_the_socket(ready: Client) -> None:
    for _ in range(protocol.MAX_MESSAGES):
        await ready.send(**PING)
    assert (await ready.closing()) == (1008, "More than 60 messages in 10 s")


async def test_a_message_larger_than_64_kb_closes_the_socket(ready: Client) -> None:
    await ready.send(type="ping", payload={"text": "x" * 70_000})
    assert (await ready.closing())[0] == 1009


@pytest.mark.parametrize("subprotocols", [None, ["graphql-ws"]])
async def test_another_subprotocol_is_refused(server: LiveServer, subprotocols: list[str] | None) -> None:
    options = {"subprotocols": subprotocols}
    async with client(server.port, is_initiated=False, **options) as other:
        assert (await other.closing())[0] == 4406


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_another_origin_can_not_connect(server: LiveServer, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(server.port, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_our_own_page_can_connect(server: LiveServer) -> None:
    async with client(server.port, origin=f"http://127.0.0.1:{server.port}") as own:
        await own.subscribe()
        assert (await own.updates())["snapshot"]
