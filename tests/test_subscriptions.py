"""Subscriptions over real sockets: snapshot, changes, cursors that outlive the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.context import Context
from backend.live import LiveTable
from backend.subscriptions import MAX_SHARED, Choice, Updates
from pipeline.model import FeedState
from pipeline.settings import Settings
from pipeline.wiring import open_store
from tests.live_server import Client, LiveServer, Poller, client, running, settings_in, told
from tests.small_city import NOW, SYSTEM, feed, network, small_city

HEALTH = 'subscription { feedHealth(systemId: "brest") { state reason feeds { name state } } }'
NETWORK = 'subscription { networkUpdates(systemId: "brest") { polledAt bikes fleet vehiclesAbandoned } }'


@pytest.fixture
async def poller(tmp_path: Path) -> Poller:
    found = Poller(settings_in(tmp_path))
    await found.begin()
    return found


@pytest.fixture
async def server(poller: Poller) -> AsyncIterator[LiveServer]:
    with running(poller.settings) as found:
        yield found


@pytest.fixture
async def subscriber(server: LiveServer) -> AsyncIterator[Client]:
    async with client(server.port) as found:
        yield found


async def test_a_subscriber_gets_everything_then_what_changes(poller: Poller, subscriber: Client) -> None:
    await subscriber.subscribe()
    assert told(await subscriber.updates()) == (True, {"a": 1, "b": 5})
    await poller.poll(changed=["a"], a=2, b=5)
    assert told(await subscriber.updates()) == (False, {"a": 2})


async def test_a_poll_in_which_nothing_changed_is_told_without_stations(poller: Poller, subscriber: Client) -> None:
    await subscriber.subscribe()
    before = await subscriber.updates()
    await poller.poll(changed=[], a=1, b=5)
    after = await subscriber.updates()
    assert told(after) == (False, {})
    assert datetime.fromisoformat(after["polledAt"]) == datetime.fromisoformat(before["polledAt"]) + timedelta(
        seconds=1
    )


async def test_only_the_stations_asked_for_are_told(poller: Poller, subscriber: Client) -> None:
    await subscriber.subscribe(ids=["b", "none"])
    assert told(await subscriber.updates()) == (True, {"b": 5})
    await poller.poll(a=2, b=6)
    assert told(await subscriber.updates()) == (False, {"b": 6})


async def test_only_the_stations_in_the_rectangle_are_told(subscriber: Client) -> None:
    bbox = "bbox: {south: 48.15, north: 48.3, west: -5, east: -4}"
    fields = "snapshot stations { id status { bikes } }"
    await subscriber.subscribe(f'subscription {{ stationUpdates(systemId: "brest", {bbox}) {{ {fields} }} }}')
    assert told(await subscriber.updates()) == (True, {"b": 5})


async def test_a_cursor_resumes_on_a_new_server_with_exactly_what_changed_in_between(poller: Poller) -> None:
    with running(poller.settings) as first:
        async with client(first.port) as before:
            await before.subscribe()
            cursor = (await before.updates())["cursor"]
    await poller.poll(changed=["b"], a=1, b=6)
    await poller.poll(changed=["b"], a=1, b=7)
    await poller.poll(changed=[], a=1, b=7)
    with running(poller.settings) as second:
        async with client(second.port) as after:
            await after.subscribe(after=cursor)
            assert told(await after.updates()) == (False, {"b": 7})
            await poller.poll(changed=["a"], a=0, b=7)
            assert told(await after.updates()) == (False, {"a": 0})


async def test_a_cursor_of_a_log_that_is_gone_starts_with_everything(poller: Poller, tmp_path: Path) -> None:
    for _ in range(3):
        await poller.poll(a=1, b=5)
    with running(poller.settings) as server:
        async with client(server.port) as before:
            await before.subscribe()
            cursor = (await before.updates())["cursor"]
    other = Poller(Settings.read(data=tmp_path / "other"))
    await other.begin()
    with running(other.settings) as server:
        async with client(server.port) as after:
            await after.subscribe(after=cursor)
            assert told(await after.updates()) == (True, {"a": 1, "b": 5})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('systemId: "paris"', "systemId: there is no system 'paris'."),
        (
            'systemId: "brest", after: "nonsense"',
            "after: 'nonsense' is not a cursor of stationUpdates; leave out `after` to start with everything.",
        ),
        (
            'systemId: "brest", bbox: {south: 1, north: 0, west: 0, east: 1}',
            "bbox: south 1.0 is greater than north 0.0.",
        ),
    ],
)
async def test_a_subscription_that_can_not_be_is_refused(subscriber: Client, arguments: str, sentence: str) -> None:
    await subscriber.subscribe(f"subscription {{ stationUpdates({arguments}) {{ cursor }} }}")
    message = await subscriber.receive()
    (error,) = message["payload"]
    assert (message["type"], error["message"], error["extensions"]) == ("error", sentence, {"code": "BAD_INPUT"})


async def test_more_ids_than_a_subscription_may_name_are_refused(subscriber: Client) -> None:
    await subscriber.subscribe(ids=[str(number) for number in range(1001)])
    message = await subscriber.receive()
    assert message["payload"][0]["message"] == "ids: 1001 are more than 1000; leave them out for all stations."


async def test_no_more_different_updates_are_kept_than_are_worth_sharing() -> None:
    live = small_city()
    context = Context(LiveTable({SYSTEM: live}), open_store("sqlite:///unused"), Settings.read(), lambda: NOW)
    for number in range(MAX_SHARED + 5):
        Updates(context, SYSTEM, live, Choice.of([str(number)], None)).first(None)
    assert len(live.memo) == MAX_SHARED


async def test_the_network_is_told_once_per_poll(poller: Poller, subscriber: Client) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    await poller.publish(network(now, bikes=9))
    await subscriber.subscribe(NETWORK)
    first = (await subscriber.receive())["payload"]["data"]["networkUpdates"]
    await poller.publish(network(now, bikes=9))
    await poller.publish(network(now + timedelta(seconds=1), bikes=8, fleet=11, vehicles_abandoned=2))
    second = (await subscriber.receive())["payload"]["data"]["networkUpdates"]
    assert [tuple(told.values())[1:] for told in (first, second)] == [(9, None, None), (8, 11, 2)]


async def test_states_become_unknown_when_no_poll_comes_and_known_again_when_one_does(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path), hold_seconds=2.0, polled_at=datetime.now(UTC).replace(microsecond=0))
    await poller.begin()
    with running(poller.settings) as server:
        async with client(server.port) as subscriber:
            await subscriber.subscribe()
            assert _states(await subscriber.updates()) == {"a": "NEARLY_EMPTY", "b": "NORMAL"}
            assert _states(await subscriber.updates()) == {"a": "UNKNOWN", "b": "UNKNOWN"}
            poller.polled_at = datetime.now(UTC).replace(microsecond=0)
            await poller.poll(changed=[], a=1, b=5)
            assert _states(await subscriber.updates()) == {"a": "NEARLY_EMPTY", "b": "NORMAL"}


async def test_a_new_system_can_be_subscribed_to_as_soon_as_it_is_polled(tmp_path: Path) -> None:
    poller = Poller(settings_in(tmp_path))
    with running(poller.settings) as server:
        assert server.ask("{ systems { id } }").json() == {"data": {"systems": []}}
        await poller.begin()
        async with asyncio.timeout(5):
            while server.ask("{ systems { id } }").json()["data"]["systems"] != [{"id": SYSTEM}]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with client(server.port) as subscriber:
            await subscriber.subscribe()
            assert told(await subscriber.updates()) == (True, {"a": 1, "b": 5})


def _states(update: dict[str, list[dict[str, dict[str, str]]]]) -> dict[str, str]:
    return {str(station["id"]): station["status"]["state"] for station in update["stations"]}


async def test_the_health_of_the_feeds_is_told_and_then_whatever_changes_it(poller: Poller, subscriber: Client) -> None:
    await subscriber.subscribe(HEALTH)
    first = (await subscriber.receive())["payload"]["data"]["feedHealth"]
    assert first == {"state": "FRESH", "reason": None, "feeds": [{"name": "station_status", "state": "FRESH"}]}
    await poller.poll(a=2, b=5)
    later = poller.polled_at + timedelta(seconds=1)
    await poller.publish(feed("station_status", FeedState.UNREACHABLE, later, reason="The server answered 500."))
    second = (await subscriber.receive())["payload"]["data"]["feedHealth"]
    assert second == {
        "state": "UNREACHABLE",
        "reason": "The server answered 500.",
        "feeds": [{"name": "station_status", "state": "UNREACHABLE"}],
    }
