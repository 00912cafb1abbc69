"""How the driver is set up: consistency, policies, time limits, and a line in the log when a node comes or goes."""

from __future__ import annotations

import logging
import socket
from typing import Any, NamedTuple

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    HostStateListener,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import tuple_factory

from pipeline.adapters.cassandra_url import CassandraPlace

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0
"""How long a cluster that does not answer is tried before that is an error."""

TRY_AGAIN_SECONDS = 1.0
"""How often a node that is down is tried, always: after an outage the first answer must not wait for a long back-off
to end (with the driver's default, 9 to 20 s)."""

REQUEST_SECONDS = 10.0
SPECULATE_SECONDS = 0.1
"""A read that has had no answer for so long is asked of the next node too."""

READ = EXEC_PROFILE_DEFAULT
WRITE = "write"


class Levels(NamedTuple):
    """How many replicas of the near data centre must take part. Together they are more than there are."""

    write: int
    read: int


def levels(replicas: int) -> Levels:
    """What makes every read see every write before it.

    One replica: that one. Two: both take a write, so either alone is right for a read, and reads go on when one is
    down. Three and more: most of them for both.
    """
    if replicas <= 1:
        return Levels(ConsistencyLevel.LOCAL_ONE, ConsistencyLevel.LOCAL_ONE)
    read = ConsistencyLevel.LOCAL_ONE if replicas == 2 else ConsistencyLevel.LOCAL_QUORUM
    return Levels(ConsistencyLevel.LOCAL_QUORUM, read)


class NodeEvents(HostStateListener):  # type: ignore[misc]  # the driver has no types
    """Says once that a node is down, and once that it is back."""

    def __init__(self, place: CassandraPlace) -> None:
        self._place = place

    def on_down(self, host: Any) -> None:
        logger.warning("store: %s: node %s is down", self._place, host.address)

    def on_up(self, host: Any) -> None:
        logger.info("store: %s: node %s is up", self._place, host.address)

    def on_add(self, host: Any) -> None:
        logger.info("store: %s: node %s has joined", self._place, host.address)

    def on_remove(self, host: Any) -> None:
        logger.info("store: %s: node %s has left", self._place, host.address)


def cluster_of(place: CassandraPlace) -> Cluster:
    """The cluster at the place, not connected yet."""

    def nearest() -> TokenAwarePolicy:
        # A profile's policy is its own: they keep what they know of the hosts.
        return TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=place.datacenter))

    read = ExecutionProfile(
        nearest(),
        RetryPolicy(),
        request_timeout=REQUEST_SECONDS,
        row_factory=tuple_factory,
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(SPECULATE_SECONDS, 1),
    )
    # Whoever writes writes the same rows again when it failed.
    write = ExecutionProfile(
        nearest(), FallthroughRetryPolicy(), request_timeout=REQUEST_SECONDS, row_factory=tuple_factory
    )
    return Cluster(
        list(place.hosts),
        port=place.port,
        # Asked for newer ones, Cassandra 5.0 refuses twice before it agrees.
        protocol_version=5,
        execution_profiles={READ: read, WRITE: write},
        reconnection_policy=ConstantReconnectionPolicy(TRY_AGAIN_SECONDS, max_attempts=None),
        # Without it every request of more than 4 KB waits 40 ms for the acknowledgement of its first part.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        connect_timeout=5,
        control_connection_timeout=5,
        idle_heartbeat_interval=5,
        idle_heartbeat_timeout=5,
        # The other nodes prepare a statement when they first see it.
        prepare_on_all_hosts=False,
    )
