"""Cassandra nodes killed under reads and writes: every row that was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cassandra import ReadTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_delay

from pipeline.adapters import cassandra_session
from pipeline.ports import Consumed, Row, Store, StoreError, TopicPartition
from pipeline.tables import STATION_HISTORY, TABLES
from pipeline.wiring import open_store
from tests.cassandra_cluster import KEYSPACE, CassandraCluster
from tests.servers.cassandra import CassandraNode

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

START = datetime(2026, 11, 1, tzinfo=UTC)
PARTITION = ("brest", "1", 202611)
WRITERS = 4


class Load:
    """Writes rows of its own, one after the other, and reads, until it is stopped; a failed write is repeated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_over = False
        self.acknowledged: list[int] = []
        self.failures: list[str] = []
        self.reads = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for writer in range(WRITERS):
                tasks.create_task(self._write(writer))

    async def _write(self, writer: int) -> None:
        number = writer
        while not self._is_over:
            consumed = Consumed(f"job{writer}", {TopicPartition("station_status", 0): number})
            try:
                await self._store.write({STATION_HISTORY: [row(number)]}, consumed)
            except StoreError as error:
                self.failures.append(str(error))
                await asyncio.sleep(0.05)  # as a stream that starts its query anew
            else:
                self.acknowledged.append(number)
                number += WRITERS

    async def read(self) -> None:
        """Reads, none of which may fail."""
        while not self._is_over:
            await self._store.read(STATION_HISTORY, PARTITION, limit=10)
            self.reads += 1

    def stop(self) -> None:
        self._is_over = True


def row(number: int) -> Row:
    polled_at = START + timedelta(seconds=number)
    return {"system_id": "brest", "station_id": "1", "month": 202611, "polled_at": polled_at, "bikes": number}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  # what is waited for is in the store, or in a server
            await asyncio.sleep(0.02)


async def numbers(store: Store) -> set[object]:
    return {read["bikes"] for read in await store.read(STATION_HISTORY, PARTITION, columns=("bikes",))}


@contextmanager
def back_afterwards(*nodes: CassandraNode, address: str | None = None) -> Iterator[None]:
    """The nodes run again when the test is over, for the tests after it; the one at the address if told."""
    try:
        yield
    finally:
        if address:
            nodes[0].stop()
            nodes[0].move(address)
        for node in nodes:
            if node.process.poll() is not None:
                node.start()


@pytest.fixture
async def store(cassandra_node: CassandraCluster) -> AsyncIterator[Store]:
    async with open_store(cassandra_node.empty_store()) as opened:
        await opened.create(TABLES)
        yield opened


@pytest.fixture
async def store_on_two(cassandra_nodes: CassandraCluster) -> AsyncIterator[Store]:
    async with open_store(cassandra_nodes.empty_store()) as opened:
        await opened.create(TABLES)
        yield opened


async def test_every_acknowledged_row_outlives_a_kill_of_the_only_node(
    store: Store, cassandra_node: CassandraCluster
) -> None:
    [node] = cassandra_node.nodes
    load = Load(store)
    with back_afterwards(node):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            for _ in range(2):
                written, failed = len(load.acknowledged), len(load.failures)
                await until(lambda: len(load.acknowledged) > written + 300)  # noqa: B023  # awaited at once
                await asyncio.to_thread(node.kill)
                await until(lambda: len(load.failures) > failed + WRITERS)  # noqa: B023
                await asyncio.to_thread(node.start)
            written = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > written + WRITERS)
            load.stop()
    assert set(load.acknowledged) - await numbers(store) == set()
    assert await offsets(store) == [max(own(load, writer)) for writer in range(WRITERS)]
    assert all(failure.startswith("cassandra://127.0.0.1:") for failure in load.failures)


async def test_a_node_that_comes_back_under_another_address_is_found_by_its_name(
    cassandra_node: CassandraCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, *rest: object, **named: object) -> object:
        return known(node.address if host == "moving.example" else host, *rest, **named)  # type: ignore[arg-type]

    [node] = cassandra_node.nodes
    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(cassandra_session, "LOST_SECONDS", 0)
    cassandra_node.empty_store()
    with back_afterwards(node, address=node.address):
        async with open_store(f"cassandra://moving.example:{node.port}/{KEYSPACE}") as store:
            await store.create(TABLES)
            await store.write({STATION_HISTORY: [row(1)]})
            node.stop()
            node.move("127.0.0.7")
            with pytest.raises(StoreError, match="no node can be asked"):
                await store.offsets("stream")
            await asyncio.to_thread(node.start)
            await until_it_answers(store)
            assert await numbers(store) == {1}


async def until_it_answers(store: Store) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(StoreError):
                await store.offsets("stream")
                return
            await asyncio.sleep(0.1)


def own(load: Load, writer: int) -> list[int]:
    return [number for number in load.acknowledged if number % WRITERS == writer]


async def offsets(store: Store) -> list[int]:
    return [sum((await store.offsets(f"job{writer}")).values()) for writer in range(WRITERS)]


async def test_with_one_of_two_nodes_killed_reads_go_on_and_writes_wait_for_its_return(
    store_on_two: Store, cassandra_nodes: CassandraCluster
) -> None:
    # The first is the one that everybody asks first, and that the other one joined.
    node, other = cassandra_nodes.nodes
    load = Load(store_on_two)
    with back_afterwards(other, node):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            reading = tasks.create_task(load.read())
            await until(lambda: len(load.acknowledged) > 300)
            await asyncio.to_thread(node.kill)
            await until(lambda: len(load.failures) > WRITERS)
            written, reads = len(load.acknowledged), load.reads
            await until(lambda: load.reads > reads + 200)
            assert len(load.acknowledged) - written <= WRITERS
            await asyncio.to_thread(node.start)
            await until(lambda: len(load.acknowledged) > written + 100)
            load.stop()
            await reading
        assert set(load.acknowledged) - await numbers(store_on_two) == set()
        await asyncio.to_thread(other.kill)
        # What the killed node itself has kept.
        assert set(load.acknowledged) - await asyncio.to_thread(numbers_on, cassandra_nodes, node) == set()


def numbers_on(cluster: CassandraCluster, node: CassandraNode) -> set[int]:
    with cluster.session(only=node) as session:
        # Until the node has noticed that the other one is dead, it may ask that one.
        for attempt in Retrying(retry=retry_if_exception_type(ReadTimeout), stop=stop_after_delay(60), reraise=True):
            with attempt:
                rows = list(session.execute(f"SELECT bikes FROM {KEYSPACE}.station_history"))
        return {bikes for (bikes,) in rows}
