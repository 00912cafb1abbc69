"""What somebody sees from outside: the page, an answer, pushed updates, and figures that went through Spark."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

SYSTEM = "brest-demo"
STATIONS = 42
REQUEST_SECONDS = 10.0
POLL_SECONDS = 3.0
"""How often the simulated system is polled (tests/compose/feed.yml)."""

_QUERY = """query ($system: ID!, $from: DateTime!, $to: DateTime!) { system(id: $system) {
    isStale stations { totalCount } networkHistory(from: $from, to: $to) { polledAt bikes stationsReporting } } }"""
_UPDATES = """subscription ($system: ID!) {
    stationUpdates(systemId: $system) { snapshot polledAt stations { id status { bikes } } } }"""
_TOTALS = "subscription ($system: ID!) { networkUpdates(systemId: $system) { polledAt bikes stationsReporting } }"


class NotSeen(Exception):
    """What should be seen is not there; the text says what is."""


class Visitor:
    """Looks at a deployment by its one public port. Each look raises NotSeen until it sees what it should."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Every look makes its own connection, as the next visitor would.
        self._client = httpx.Client(timeout=REQUEST_SECONDS, limits=httpx.Limits(max_keepalive_connections=0))

    def page(self) -> None:
        """The map, and the files that it loads from its own origin."""
        page = self._get("/")
        found = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        _expect(any("/vendor/leaflet/" in path for path in found), f"a page that loads {found}")
        for path in found:
            self._get(path)
        self._get("/readyz")

    def query(self) -> None:
        """An answer with every station, not stale."""
        system = self._system(datetime.now(UTC) - timedelta(minutes=1))
        _expect(system["stations"]["totalCount"] == STATIONS and not system["isStale"], f"the system {system}")

    def subscription(self) -> None:
        """All stations at once, then the polls after that."""
        with self._subscribed(_UPDATES, "stationUpdates") as updates:
            first = next(updates)
            _expect(first["snapshot"] and len(first["stations"]) == STATIONS, f"the first update {first}")
            second = next(updates)
            _expect(not second["snapshot"] and second["polledAt"] > first["polledAt"], f"the second update {second}")

    def totals_pushed(self, after: datetime) -> None:
        """Totals of a poll later than ``after``: from Kafka through Spark and Kafka again to a subscriber."""
        with self._subscribed(_TOTALS, "networkUpdates") as updates:
            total = next(total for total in updates if _instant(total["polledAt"]) > after)
            _expect(total["stationsReporting"] == STATIONS and total["bikes"] > 0, f"the totals {total}")

    def totals_kept(self, after: datetime) -> None:
        """Totals of a poll later than ``after`` in the store: from Kafka through Spark to Cassandra."""
        # The newest is shown as soon as it was pushed; those before it are the store's.
        found = self.polls(after)[:-1]
        _expect(bool(found), "no totals in the store since then")

    def polls(self, since: datetime) -> list[datetime]:
        """The polls later than ``since`` whose totals are known, in their order."""
        found = [_instant(total["polledAt"]) for total in self._system(since)["networkHistory"]]
        return [instant for instant in found if instant > since]

    def _system(self, since: datetime) -> dict[str, Any]:
        span = {"from": since.isoformat(), "to": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}
        with _telling():
            asked = {"query": _QUERY, "variables": {"system": SYSTEM, **span}}
            answer = self._client.post(f"{self._url}/graphql", json=asked).json()
        _expect("errors" not in answer and answer["data"]["system"] is not None, f"the answer {answer}")
        system: dict[str, Any] = answer["data"]["system"]
        return system

    def _get(self, path: str) -> str:
        with _telling():
            answer = self._client.get(f"{self._url}{path}")
        _expect(answer.status_code == httpx.codes.OK, f"{path}: status {answer.status_code}, {answer.text[:200]}")
        return answer.text

    @contextmanager
    def _subscribed(self, query: str, name: str) -> Iterator[Iterator[dict[str, Any]]]:
        address = f"{self._url.replace('http', 'ws', 1)}/graphql"
        with _telling(), connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            _send(socket, type="connection_init")
            _expect(_received(socket)["type"] == "connection_ack", "no acknowledgement")
            _send(socket, type="subscribe", id="1", payload={"query": query, "variables": {"system": SYSTEM}})
            yield _updates(socket, name)


def until_seen(look: Callable[[], None], seconds: float) -> float:
    """Look again and again; how many seconds it took. Raises NotSeen when it is not seen in time."""
    started = time.monotonic()
    while True:
        try:
            look()
        except NotSeen:
            if time.monotonic() - started > seconds:
                raise
            time.sleep(0.5)
        else:
            return time.monotonic() - started


def longest_gap(instants: list[datetime]) -> float:
    """The longest time between two neighbours, in seconds."""
    ordered = sorted(instants)
    return max(((later - earlier).total_seconds() for earlier, later in pairwise(ordered)), default=math.inf)


def _updates(socket: ClientConnection, name: str) -> Iterator[dict[str, Any]]:
    while True:
        message = _received(socket)
        if message["type"] == "ping":
            _send(socket, type="pong")
            continue
        _expect(message["type"] == "next" and "errors" not in message["payload"], f"the message {message}")
        yield message["payload"]["data"][name]


def _send(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def _received(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=REQUEST_SECONDS))
    return message


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, WebSocketException, OSError, ValueError, StopIteration) as error:
        msg = f"{type(error).__name__}: {error}"
        raise NotSeen(msg) from error


def _expect(is_so: bool, found: str) -> None:
    if not is_so:
        msg = f"found {found[:600]}"
        raise NotSeen(msg)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
