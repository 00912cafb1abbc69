"""Keyspace and tables in Cassandra: replication by the number of nodes, older, newer and foreign keyspaces."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters import cassandra_schema
from pipeline.ports import Row, Store, StoreError
from pipeline.tables import NETWORK_DAY, SCHEMA_VERSION, STATION_LATEST, SYSTEM, TABLES, Table
from pipeline.wiring import open_store
from tests.cassandra_cluster import CassandraCluster

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).resolve().parents[1]
BREST: Row = {"part": "all", "system_id": "brest", "polled_at": datetime(2026, 11, 21, tzinfo=UTC), "name": "Vélozef"}
DAY: Row = {"system_id": "brest", "date": datetime(2026, 11, 21, tzinfo=UTC).date(), "polls": 3}


@pytest.fixture
def fresh(cassandra_node: CassandraCluster) -> Iterator[str]:
    """The URL of a keyspace that is not there, on one node."""
    yield from _fresh(cassandra_node)


@pytest.fixture
def fresh_on_two(cassandra_nodes: CassandraCluster) -> Iterator[str]:
    """The same on two nodes."""
    yield from _fresh(cassandra_nodes)


def _fresh(cluster: CassandraCluster) -> Iterator[str]:
    execute(cluster, "DROP KEYSPACE IF EXISTS fresh")
    yield cluster.url("fresh")
    execute(cluster, "DROP KEYSPACE IF EXISTS fresh")


def execute(cluster: CassandraCluster, *statements: str) -> list[tuple[Any, ...]]:
    with cluster.session() as session:
        return [row for cql in statements for row in session.execute(cql)]


def creator(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.store_writer", url, "create", "0"], cwd=PROJECT)


def without(table: Table, column: str) -> Table:
    return replace(table, columns={name: kind for name, kind in table.columns.items() if name != column})


async def test_an_older_store_gets_the_missing_tables_and_columns_and_keeps_its_rows(
    fresh: str, cassandra_node: CassandraCluster
) -> None:
    older = [without(SYSTEM, "feed_url"), without(NETWORK_DAY, "bikes_mean")]
    async with open_store(fresh) as store:
        await store.create(older)
        await store.write({older[0]: [BREST], older[1]: [DAY]})
    execute(cassandra_node, "INSERT INTO fresh.schema_version (part, version) VALUES ('all', 0)")
    async with open_store(fresh) as store:
        await store.create(TABLES)
        assert await store.read(SYSTEM, ("all",)) == [{column: BREST.get(column) for column in SYSTEM.columns}]
        assert await store.read(STATION_LATEST, ("brest",)) == []
        await store.write({SYSTEM: [{**BREST, "feed_url": "https://a"}], NETWORK_DAY: [{**DAY, "bikes_mean": 2.5}]})
        [system] = await store.read(SYSTEM, ("all",))
        [day] = await store.read(NETWORK_DAY, ("brest",))
        assert (system["feed_url"], day["bikes_mean"], day["polls"]) == ("https://a", 2.5, 3)
    assert execute(cassandra_node, "SELECT version FROM fresh.schema_version") == [(SCHEMA_VERSION,)]


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(
    fresh: str, cassandra_node: CassandraCluster
) -> None:
    async with open_store(fresh) as store:
        await store.create([SYSTEM])
        execute(cassandra_node, f"UPDATE fresh.schema_version SET version = {SCHEMA_VERSION + 1} WHERE part = 'all'")
        with pytest.raises(StoreError) as raised:
            await store.create(TABLES)
    assert str(raised.value) == (
        f"{fresh} was written by a newer Bikewire (store version {SCHEMA_VERSION + 1}, this one knows"
        f" {SCHEMA_VERSION}); update Bikewire or name another store in BIKEWIRE_STORE."
    )
    tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'fresh'"
    assert ("station_latest",) not in execute(cassandra_node, tables)


async def test_a_keyspace_of_something_else_is_refused_and_left_alone(
    fresh: str, cassandra_node: CassandraCluster
) -> None:
    execute(
        cassandra_node,
        "CREATE KEYSPACE fresh WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}",
        "CREATE TABLE fresh.system (id int PRIMARY KEY)",
    )
    async with open_store(fresh) as store:
        with pytest.raises(StoreError) as raised:
            await store.create(TABLES)
    assert str(raised.value) == (f"{fresh} is a keyspace, but no store of Bikewire; name another in BIKEWIRE_STORE.")
    tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'fresh'"
    assert execute(cassandra_node, tables) == [("system",)]


async def test_a_keyspace_without_replicas_in_the_near_data_centre_is_refused(
    fresh: str, cassandra_node: CassandraCluster
) -> None:
    execute(
        cassandra_node, "CREATE KEYSPACE fresh WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    async with open_store(fresh) as store:
        with pytest.raises(StoreError, match=r"has no replicas in data centre 'dc1'; name one with \?dc=\.$"):
            await store.create(TABLES)


async def test_who_comes_while_a_store_is_being_made_waits_for_its_tables(fresh: str) -> None:
    async def join(store: Store, after: float) -> None:
        # Each at another moment of the making, which takes a second or two.
        await asyncio.sleep(after)
        await store.create(TABLES)
        assert await store.read(STATION_LATEST, ("brest",)) == []

    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(open_store(fresh)) for _ in range(24)]
        await asyncio.gather(*(join(store, number / 16) for number, store in enumerate(stores)))


async def test_processes_that_create_a_store_on_two_nodes_at_once_make_one(
    fresh_on_two: str, cassandra_nodes: CassandraCluster
) -> None:
    processes = [creator(fresh_on_two) for _ in range(4)]
    assert [await asyncio.to_thread(process.wait) for process in processes] == [0] * 4
    async with open_store(fresh_on_two) as store:
        await store.write({SYSTEM: [BREST]})
        assert len(await store.read(SYSTEM, ("all",))) == 1
    for node in cassandra_nodes.nodes:
        with cassandra_nodes.session(only=node) as session:
            tables = "SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = 'fresh'"
            assert len(session.execute(tables).all()) == len(TABLES) + 3
    keyspace = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'fresh'"
    [(replication,)] = execute(cassandra_nodes, keyspace)
    assert replication["dc1"] == "2"


async def test_a_store_that_is_on_fewer_nodes_than_it_could_be_says_so(
    fresh_on_two: str, cassandra_nodes: CassandraCluster, caplog: pytest.LogCaptureFixture
) -> None:
    execute(cassandra_nodes, "CREATE KEYSPACE fresh WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
    with caplog.at_level(logging.WARNING, "pipeline"):
        async with open_store(fresh_on_two) as store:
            await store.create([SYSTEM])
    assert [record.getMessage() for record in caplog.records] == [
        f"store: {fresh_on_two}: 2 nodes, but every row is on 1 only; see docs/operations.md, 'Adding a node'"
    ]


async def test_a_store_is_not_made_before_all_nodes_that_are_named_have_joined(
    fresh: str, cassandra_node: CassandraCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassandra_schema, "CONNECT_SECONDS", 1)
    node = cassandra_node.nodes[0]
    place = f"cassandra://127.0.0.1:{node.port},127.0.0.9:{node.port}/fresh"
    async with open_store(place) as store:
        with pytest.raises(StoreError) as raised:
            await store.create([SYSTEM])
    assert str(raised.value) == (
        f"{place}: 2 nodes are named, but the cluster has 127.0.0.1 in data centre 'dc1'; start the others before the"
        " store is made, or name fewer."
    )
