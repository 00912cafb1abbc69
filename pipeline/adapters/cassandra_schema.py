"""The keyspace and its tables: made when they are missing, brought up to date when they are older."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from cassandra import InvalidRequest

from pipeline.adapters import cassandra_generations, cassandra_tables
from pipeline.adapters.cassandra_connection import CONNECT_SECONDS, TRY_AGAIN_SECONDS, WRITE, Levels, levels
from pipeline.adapters.cassandra_session import Session
from pipeline.adapters.cassandra_tables import GC_GRACE_SECONDS, Statement, name
from pipeline.ports import StoreError
from pipeline.tables import SCHEMA_VERSION, Table

logger = logging.getLogger(__name__)

MOST_REPLICAS = 3
VERSION = "schema_version"
PROGRESS = "progress"

_OPTIONS = (
    "WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}"
    f" AND gc_grace_seconds = {GC_GRACE_SECONDS}"
)


async def read_levels(session: Session) -> Levels | None:
    """The consistency that the keyspace's replicas ask for; None when there is no keyspace."""
    replicas = await _replicas(session)
    return levels(replicas) if replicas else None


async def bring_up_to_date(session: Session, tables: Sequence[Table]) -> None:
    """Make the keyspace and the tables; raises StoreError when a newer Bikewire or something else wrote there."""
    keyspace = session.place.keyspace
    await session.agree()
    if not await _replicas(session):
        await _create_keyspace(session)
    session.set_levels(levels(await _replicas(session)))
    present = await _present(session)
    if VERSION in present:
        # A table is listed a moment before it can be asked: a change, be it none, waits for the one that makes it.
        await session.change_schema(_version_creation(keyspace))
        await session.agree()
    await _check(session, present)
    wanted = _missing(keyspace, tables, present)
    for together in wanted:
        await asyncio.gather(*(session.change_schema(cql) for cql in together))
    if any(wanted):
        session.forget_statements()
        logger.info("store: %s: %d changes of the schema made", session.place, sum(map(len, wanted)))
    await _note_version(session)
    await _advise(session)


async def _replicas(session: Session) -> int:
    """How many replicas the keyspace has in the near data centre; 0 when there is no keyspace."""
    cql = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
    found = await session.run(Statement(cql, (session.place.keyspace,)))
    if not found:
        return 0
    replicas = found[0][0].get(session.place.datacenter)
    if replicas is None:
        msg = f"{session.place} has no replicas in data centre {session.place.datacenter!r}; name one with ?dc=."
        raise StoreError(msg)
    return int(replicas.split("/")[0])


async def _create_keyspace(session: Session) -> None:
    place = session.place
    nodes = await _awaited_nodes(session)
    replicas = min(len(nodes), MOST_REPLICAS)
    replication = f"{{'class': 'NetworkTopologyStrategy', '{place.datacenter}': {replicas}}}"
    await session.change_schema(
        f"CREATE KEYSPACE IF NOT EXISTS {name(place.keyspace)} WITH replication = {replication}"
    )
    logger.info("store: %s: keyspace made with %d replicas on %d nodes", place, replicas, len(nodes))


async def _awaited_nodes(session: Session) -> list[str]:
    """The nodes, once as many have joined as the URL names: their number decides how often every row is kept."""
    place = session.place
    deadline = time.monotonic() + CONNECT_SECONDS
    while len(nodes := session.nodes()) < len(place.hosts):
        if time.monotonic() > deadline:
            msg = (
                f"{place}: {len(place.hosts)} nodes are named, but the cluster has {', '.join(nodes) or 'none'} in"
                f" data centre {place.datacenter!r}; start the others before the store is made, or name fewer."
            )
            raise StoreError(msg)
        await asyncio.sleep(TRY_AGAIN_SECONDS)
        await session.blocking(session.refresh_nodes)
    return nodes


async def _present(session: Session) -> dict[str, set[str]]:
    """The names of what is in the keyspace, tables and types, and their columns or fields."""
    keyspace = (session.place.keyspace,)
    columns = "SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = ?"
    types = "SELECT type_name, field_names FROM system_schema.types WHERE keyspace_name = ?"
    present: dict[str, set[str]] = {}
    for table, column in await session.run(Statement(columns, keyspace)):
        present.setdefault(table, set()).add(column)
    return present | {kind: set(fields) for kind, fields in await session.run(Statement(types, keyspace))}


async def _check(session: Session, present: dict[str, set[str]]) -> None:
    if present and VERSION not in present:
        msg = f"{session.place} is a keyspace, but no store of Bikewire; name another in BIKEWIRE_STORE."
        raise StoreError(msg)
    if present:
        version = await _awaited_version(session)
        if version > SCHEMA_VERSION:
            msg = (
                f"{session.place} was written by a newer Bikewire (store version {version}, this one knows"
                f" {SCHEMA_VERSION}); update Bikewire or name another store in BIKEWIRE_STORE."
            )
            raise StoreError(msg)


async def _awaited_version(session: Session) -> int:
    """The version, once the node that is asked knows its table, which another process may just have made."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return await _version(session)
        except StoreError as error:
            if not isinstance(error.__cause__, InvalidRequest) or time.monotonic() > deadline:
                raise
        await asyncio.sleep(TRY_AGAIN_SECONDS)


async def _version(session: Session) -> int:
    cql = f"SELECT version FROM {name(session.place.keyspace, VERSION)} WHERE part = 'all'"
    found = await session.run(Statement(cql))
    return int(found[0][0]) if found else 0


async def _note_version(session: Session) -> None:
    if await _version(session) < SCHEMA_VERSION:
        cql = f"INSERT INTO {name(session.place.keyspace, VERSION)} (part, version) VALUES ('all', ?)"
        await session.run(Statement(cql, (SCHEMA_VERSION,)), WRITE)


def _missing(keyspace: str, tables: Sequence[Table], present: dict[str, set[str]]) -> list[list[str]]:
    """The DDL in steps, each to be made at once: all nodes must have seen one step before the next.

    The table of the version comes first: where that is, a store of Bikewire is.
    """
    own = {
        VERSION: _version_creation(keyspace),
        PROGRESS: f"CREATE TABLE IF NOT EXISTS {name(keyspace, PROGRESS)} (job text, topic text, part int,"
        f" next_offset bigint, PRIMARY KEY ((job), topic, part)) {_OPTIONS}",
        cassandra_generations.POINTER: cassandra_generations.creation(keyspace),
    }
    first, *others = [[cql] if table not in present else [] for table, cql in own.items()]
    new = [table for table in tables if table.name not in present]
    types = [cassandra_tables.type_creation(keyspace, table) for table in new if table.newest_by]
    added = [cql for table in tables if table not in new for cql in _additions(keyspace, table, present)]
    return [
        first,
        [*(cql for step in others for cql in step), *types, *added],
        [cassandra_tables.creation(keyspace, table) for table in new],
    ]


def _version_creation(keyspace: str) -> str:
    return f"CREATE TABLE IF NOT EXISTS {name(keyspace, VERSION)} (part text PRIMARY KEY, version int) {_OPTIONS}"


def _additions(keyspace: str, table: Table, present: dict[str, set[str]]) -> list[str]:
    held = present[cassandra_tables.type_name(table) if table.newest_by else table.name]
    return cassandra_tables.additions(keyspace, table, held)


async def _advise(session: Session) -> None:
    replicas, nodes = await _replicas(session), session.nodes()
    if replicas < min(len(nodes), MOST_REPLICAS):
        logger.warning(
            "store: %s: %d nodes, but every row is on %d only; see docs/operations.md, 'Adding a node'",
            session.place,
            len(nodes),
            replicas,
        )
