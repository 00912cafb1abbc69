"""What the driver can fail with, in one sentence for the person who runs Bikewire."""

from __future__ import annotations

from cassandra import (
    DriverException,
    InvalidRequest,
    OperationTimedOut,
    ReadTimeout,
    Unavailable,
    WriteTimeout,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionBusy, ConnectionException, ConnectionShutdown
from cassandra.protocol import ErrorMessage

from pipeline.adapters.cassandra_url import CassandraPlace

FAILURES: tuple[type[Exception], ...] = (
    DriverException,
    NoHostAvailable,
    ConnectionException,
    ErrorMessage,
    OSError,
)
"""Everything that the driver raises when a server is not there, does not answer or refuses."""


def sentence(place: CassandraPlace, error: Exception) -> str:
    """What went wrong, which node it was, and what to do."""
    if isinstance(error, NoHostAvailable):
        return (
            f"{place}: no node can be asked ({_by_host(place, error)}); it goes on when one answers, start the nodes."
        )
    if isinstance(error, Unavailable):
        return (
            f"{place}: {error.required_replicas} nodes must take part and {error.alive_replicas} can;"
            " it goes on when the missing ones are back, start them."
        )
    if isinstance(error, WriteTimeout | ReadTimeout):
        return (
            f"{place}: {error.received_responses} of {error.required_responses} nodes answered in time;"
            " see whether all of them run and keep up."
        )
    if isinstance(error, OperationTimedOut):
        return f"{place}: no answer in time (from {error.last_host}); see whether the node runs and keeps up."
    if isinstance(error, InvalidRequest):
        return f"{place}: the request was refused ({error})."
    return f"{place}: the store failed ({type(error).__name__}: {error})."


def is_busy(error: NoHostAvailable) -> bool:
    """Whether a node is there whose connection just takes no more."""
    return isinstance(error.errors, dict) and any(isinstance(e, ConnectionBusy) for e in error.errors.values())


def is_cut(error: NoHostAvailable) -> bool:
    """Whether a connection ended under the request: the node has just died, and the driver does not know it yet."""
    return isinstance(error.errors, dict) and any(isinstance(e, ConnectionShutdown) for e in error.errors.values())


def _by_host(place: CassandraPlace, error: NoHostAvailable) -> str:
    errors = error.errors if isinstance(error.errors, dict) else {}
    told = "; ".join(f"{host}: {reason}" for host, reason in errors.items())
    return told or f"none is known to be up in data centre {place.datacenter!r}"
