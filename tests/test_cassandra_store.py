"""What only the store in Cassandra does: times of writing, tombstones, generations, what it says when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.adapters import cassandra_generations, cassandra_session
from pipeline.adapters.cassandra_connection import levels
from pipeline.adapters.cassandra_generations import Generations
from pipeline.adapters.cassandra_session import Session
from pipeline.adapters.cassandra_store import CassandraStore
from pipeline.adapters.cassandra_tables import Statement
from pipeline.adapters.cassandra_url import read_place
from pipeline.ports import Row, StoreError, Value
from pipeline.tables import (
    STATION_CAPACITY,
    STATION_DAY,
    STATION_HISTORY,
    STATION_LATEST,
    TABLES,
    VEHICLE_LATEST,
    Table,
)
from tests.cassandra_cluster import KEYSPACE, CassandraCluster
from tests.servers.process import free_port

pytestmark = pytest.mark.engine

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def place(cassandra_node: CassandraCluster) -> str:
    return cassandra_node.empty_store().removeprefix("cassandra://")


@pytest.fixture
async def store(place: str) -> AsyncIterator[CassandraStore]:
    async with CassandraStore(place) as opened:
        await opened.create(TABLES)
        yield opened


@pytest.fixture
async def session(place: str, store: CassandraStore) -> AsyncIterator[Session]:
    opened = Session(read_place(place))
    await opened.connect()
    yield opened
    await opened.close()


def row(table: Table, **given: Value) -> Row:
    """The row with every column of the table, as records are written."""
    return {column: given.get(column) for column in table.columns}


def vehicle(vehicle_id: str, minute: int, **given: Value) -> Row:
    polled_at = NOON + timedelta(minutes=minute)
    return row(VEHICLE_LATEST, system_id="brest", vehicle_id=vehicle_id, polled_at=polled_at, **given)


def capacity(station_id: str, seen: int) -> Row:
    return row(STATION_CAPACITY, system_id="brest", station_id=station_id, capacity_observed=seen)


def query(cluster: CassandraCluster, cql: str) -> list[Any]:
    with cluster.session() as session:
        session.set_keyspace(KEYSPACE)
        return list(session.execute(cql))


async def test_of_two_rows_of_one_instant_one_stands_as_a_whole(store: CassandraStore) -> None:
    versions = [
        vehicle("1", 0, lat=1.0, lon=9.0, station_id="x"),
        vehicle("1", 0, lat=9.0, lon=1.0, station_id="a"),
    ]
    for version in versions:
        await store.write({VEHICLE_LATEST: [version]})
    [read] = await store.read(VEHICLE_LATEST, ("brest",))
    assert read in versions


async def test_rows_that_replace_each_other_leave_no_tombstones(
    store: CassandraStore, cassandra_node: CassandraCluster
) -> None:
    for minute in range(3):
        parked: dict[str, Value] = {"station_id": "7", "charge": 0.5} if minute % 2 else {}
        await store.write({VEHICLE_LATEST: [vehicle(str(number), minute, **parked) for number in range(40)]})
        history = row(STATION_HISTORY, system_id="brest", station_id="1", month=202611, polled_at=NOON)
        await store.write({STATION_HISTORY: [history]})
    with cassandra_node.session() as session:
        for table, live in (("vehicle_latest", 40), ("station_history", 1)):
            trace = session.execute(f"SELECT * FROM {KEYSPACE}.{table}", trace=True).get_query_trace()
            told = " ".join(event.description for event in trace.events)
            assert f"Read {live} live rows and 0 tombstone cells" in told


async def test_rows_live_as_long_as_their_table_says_after_their_writing_however_old_they_are(
    store: CassandraStore, cassandra_node: CassandraCluster
) -> None:
    await store.write({VEHICLE_LATEST: [vehicle("1", -100_000)]})
    [(seconds, written_at)] = query(cassandra_node, "SELECT TTL(newest), WRITETIME(newest) FROM vehicle_latest")
    assert 0 <= 2 * 86_400 - seconds < 60
    assert written_at == (NOON - timedelta(minutes=100_000)).timestamp() * 1e6


async def test_instants_are_kept_in_milliseconds(store: CassandraStore) -> None:
    before = NOON + timedelta(microseconds=1_999)
    await store.write({VEHICLE_LATEST: [{**vehicle("1", 0), "last_reported": before}]})
    [read] = await store.read(VEHICLE_LATEST, ("brest",))
    assert read["last_reported"] == NOON + timedelta(milliseconds=1)


async def test_a_limit_of_nothing_reads_nothing(store: CassandraStore) -> None:
    await store.write({VEHICLE_LATEST: [vehicle("1", 0)]})
    assert await store.read(VEHICLE_LATEST, ("brest",), limit=0) == []


async def test_what_a_replaced_partition_held_before_is_dropped_once_nobody_can_be_reading_it(
    store: CassandraStore, cassandra_node: CassandraCluster
) -> None:
    def generations() -> list[tuple[int]]:
        return query(cassandra_node, "SELECT DISTINCT generation, system_id, date FROM station_day")

    partition = ("brest", date(2026, 11, 21))
    day = row(STATION_DAY, system_id="brest", date=partition[1], station_id="1", arrivals=3)
    await store.write({STATION_DAY: [day]})
    for _ in range(2):
        await store.replace({STATION_DAY: [partition]}, {STATION_DAY: [day]})
    await store.expire(datetime.now(UTC))
    assert len(generations()) == 3
    await store.expire(datetime.now(UTC) + timedelta(minutes=10))
    assert len(generations()) == 2  # what was made within the last hour, and not what was before
    await store.expire(datetime.now(UTC) + timedelta(hours=2))
    assert len(generations()) == 1
    assert query(cassandra_node, "SELECT made FROM generation") == [({generations()[0][0]},)]
    assert await store.read(STATION_DAY, partition) == [day]


async def test_a_writer_that_gives_up_midway_leaves_the_partition_as_it_was_and_nothing_for_ever(
    store: CassandraStore, session: Session, cassandra_node: CassandraCluster
) -> None:
    await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", 3)]})
    await Generations(session).begin(STATION_CAPACITY, ("brest",))
    assert await store.read(STATION_CAPACITY, ("brest",)) == [capacity("1", 3)]
    await store.expire(datetime.now(UTC) + timedelta(hours=2))
    [(current, made)] = query(cassandra_node, "SELECT current, made FROM generation")
    assert made == {current}


async def test_a_replacement_that_took_so_long_that_it_may_have_been_dropped_is_not_shown(
    store: CassandraStore, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", 3)]})
    monkeypatch.setattr(cassandra_generations, "_LONGEST_REPLACEMENT", timedelta(0))
    with pytest.raises(StoreError, match=r"^Replacing \('brest',\) of table station_capacity took over"):
        await store.replace({STATION_CAPACITY: [("brest",)]}, {STATION_CAPACITY: [capacity("1", 4)]})
    assert await store.read(STATION_CAPACITY, ("brest",)) == [capacity("1", 3)]


@contextmanager
def connections_that_take_no_more(session: Session) -> Iterator[None]:
    """As after so much was sent that a socket's buffer is full."""
    pools = [pool for pool in session._session.get_pools() if not pool.is_shutdown]  # noqa: SLF001  # the driver's own
    connections = [connection for pool in pools for connection in pool.get_connections()]
    assert connections
    for connection in connections:
        connection._socket_writable = False  # noqa: SLF001
    yield
    for connection in connections:
        connection._socket_writable = True  # noqa: SLF001


KEPT = Statement(f"UPDATE {KEYSPACE}.generation SET current = 1 WHERE table_name = 'none' AND part = 'none'")


async def test_a_write_waits_while_a_connection_takes_no_more(session: Session) -> None:
    await session.run(KEPT)
    with connections_that_take_no_more(session):
        writing = asyncio.create_task(session.run(KEPT))
        await asyncio.wait({writing}, timeout=0.2)
        assert not writing.done()
    assert await writing == []


async def test_of_many_writes_one_that_failed_is_told_in_one_sentence(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.run_all([[KEPT], [KEPT]])
    monkeypatch.setattr(cassandra_session, "BUSY_SECONDS", 0.05)
    with connections_that_take_no_more(session), pytest.raises(StoreError, match=r"\(.* is overloaded\)"):
        await session.run_all([[KEPT], [KEPT]])


async def test_a_reader_who_gives_up_harms_nobody_else(store: CassandraStore) -> None:
    stations = [row(STATION_LATEST, system_id="brest", station_id=str(n), polled_at=NOON, bikes=n) for n in range(1500)]
    await store.write({STATION_LATEST: stations})
    readers = [asyncio.create_task(store.read(STATION_LATEST, ("brest",))) for _ in range(20)]
    await asyncio.sleep(0)
    for reader in readers[::2]:
        reader.cancel()
    for reader in readers[::2]:
        with suppress(asyncio.CancelledError):
            await reader
    assert [len(await reader) for reader in readers[1::2]] == [1500] * 10


async def test_a_reader_who_gives_up_while_the_store_is_being_connected_leaves_it_to_the_others(place: str) -> None:
    async with CassandraStore(place) as store:
        impatient = asyncio.create_task(store.offsets("stream"))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await store.offsets("stream") == {}
        assert impatient.cancelled()


async def test_a_store_that_was_never_made_is_said_to_be_missing(cassandra_node: CassandraCluster) -> None:
    url = cassandra_node.url("nowhere")
    async with CassandraStore(url.removeprefix("cassandra://")) as store:
        with pytest.raises(StoreError) as raised:
            await store.read(STATION_LATEST, ("brest",))
    assert str(raised.value).startswith(f"{url}: the request was refused (Error from server: code=2200")
    assert "keyspace nowhere does not exist" in str(raised.value)


async def test_a_cluster_that_does_not_answer_is_tried_for_a_while_and_then_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cassandra_session, "CONNECT_SECONDS", 1.5)
    port = free_port()
    started = time.monotonic()
    async with CassandraStore(f"127.0.0.1:{port}/bikewire") as store:
        with pytest.raises(StoreError) as raised:
            await store.create(TABLES)
    assert str(raised.value).startswith(
        f"cassandra://127.0.0.1:{port}/bikewire: no node can be asked (127.0.0.1:{port}: "
    )
    assert str(raised.value).endswith("it goes on when one answers, start the nodes.")
    assert 1.5 < time.monotonic() - started < 15


async def test_a_data_centre_without_nodes_is_named(
    cassandra_node: CassandraCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassandra_session, "CONNECT_SECONDS", 0)
    place = f"127.0.0.1:{cassandra_node.nodes[0].port}/bikewire?dc=moon"
    async with CassandraStore(place) as store:
        with pytest.raises(StoreError, match=r"\(none is known to be up in data centre 'moon'\)"):
            await store.create(TABLES)


async def test_closing_does_not_wait_for_a_cluster_that_does_not_answer() -> None:
    store = CassandraStore(f"127.0.0.1:{free_port()}/bikewire")
    waiting = asyncio.create_task(store.create(TABLES))
    await asyncio.sleep(0.2)  # into the first pause between two tries
    async with asyncio.timeout(5):
        await store.close()
        with pytest.raises(StoreError, match="no node can be asked"):
            await waiting


@pytest.mark.parametrize(("replicas", "most_down"), [(1, 0), (2, 0), (3, 1), (5, 2)])
def test_a_read_always_meets_a_replica_that_took_the_write(replicas: int, most_down: int) -> None:
    from cassandra import ConsistencyLevel

    taking_part = {ConsistencyLevel.LOCAL_ONE: 1, ConsistencyLevel.LOCAL_QUORUM: replicas // 2 + 1}
    write, read = (taking_part[level] for level in levels(replicas))
    assert write + read > replicas
    assert replicas - write == most_down
