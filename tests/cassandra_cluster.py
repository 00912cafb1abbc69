"""Real Cassandra nodes for a test run: started once, with a keyspace that is emptied for every test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, WhiteListRoundRobinPolicy
from cassandra.query import tuple_factory

from tests.servers.cassandra import CassandraNode

KEYSPACE = "contract"


class CassandraCluster:
    """The nodes of one cluster, all up once ``start`` has returned."""

    def __init__(self, folder: Path, count: int) -> None:
        self.nodes: list[CassandraNode] = []
        for number in range(count):
            self.nodes.append(CassandraNode(folder / f"node{number}", self.nodes[0] if self.nodes else None))

    def start(self) -> None:
        """One after the other: nodes that join at once get in each other's way."""
        for node in self.nodes:
            node.start()

    def kill(self) -> None:
        for node in reversed(self.nodes):
            node.kill()

    def url(self, keyspace: str) -> str:
        hosts = ",".join(f"{node.address}:{node.port}" for node in self.nodes)
        return f"cassandra://{hosts}/{keyspace}"

    def empty_store(self) -> str:
        """The URL of a store without rows. Making tables takes seconds, so they are made once and then emptied."""
        with self.session() as session:
            tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
            for (table,) in session.execute(tables, (KEYSPACE,)):
                target = f'{KEYSPACE}."{table}"'
                if table != "schema_version" and session.execute(f"SELECT * FROM {target} LIMIT 1").one():
                    session.execute(f"TRUNCATE {target}")
        return self.url(KEYSPACE)

    @contextmanager
    def session(self, *, only: CassandraNode | None = None) -> Iterator[Any]:
        """The driver's own session, to look behind the store or to change what is there; on one node if told."""
        nodes = [only] if only else self.nodes
        policy = WhiteListRoundRobinPolicy([node.address for node in nodes]) if only else DCAwareRoundRobinPolicy("dc1")
        profile = ExecutionProfile(policy, row_factory=tuple_factory, request_timeout=30)
        cluster = Cluster(
            [node.address for node in nodes],
            port=nodes[0].port,
            protocol_version=5,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()
