"""One connection to a Cassandra cluster for asyncio: no thread per query, every page, errors as sentences."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from cassandra.cluster import NoHostAvailable
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType

from pipeline.adapters.cassandra_connection import (
    CONNECT_SECONDS,
    READ,
    TRY_AGAIN_SECONDS,
    WRITE,
    Levels,
    NodeEvents,
    cluster_of,
    levels,
)
from pipeline.adapters.cassandra_errors import FAILURES, is_busy, is_cut, sentence
from pipeline.adapters.cassandra_tables import Statement
from pipeline.adapters.cassandra_url import CassandraPlace
from pipeline.ports import StoreError

SCHEMA_SECONDS = 60.0
"""A change of a table waits until all nodes have it."""

LOST_SECONDS = 15.0

WRITES_AT_ONCE = 32
"""How many requests of one write are under way at once; more make nothing faster."""

BUSY_SECONDS = 10.0
"""How long a request may wait for a connection that takes no more, because so much was just sent on it."""

CUT_SECONDS = 2.0
"""For how long a request is asked again that was lost with the node that it was sent to."""

_PAUSE_SECONDS = 0.02

UNSET: Any = UNSET_VALUE

Rows = list[tuple[Any, ...]]
Result = TypeVar("Result")


class Session:
    """Statements to a cluster, at the consistency ``levels``."""

    def __init__(self, place: CassandraPlace) -> None:
        self.place = place
        self.levels = levels(1)
        self._cluster = cluster_of(place)
        self._session: Any = None
        self._prepared: dict[str, Any] = {}
        self._preparing = asyncio.Lock()
        self._is_closed = threading.Event()
        self._lost_at: float | None = None

    @property
    def is_lost(self) -> bool:
        """Whether no node could be asked for `LOST_SECONDS`."""
        return self._lost_at is not None and time.monotonic() - self._lost_at > LOST_SECONDS

    async def connect(self) -> None:
        """Connect, trying for `CONNECT_SECONDS`; raises StoreError."""
        await self.blocking(self._connect)

    async def close(self) -> None:
        """End every connection, and a connecting under way."""
        self._is_closed.set()
        await asyncio.to_thread(self._cluster.shutdown)

    async def blocking(self, work: Callable[[], Result]) -> Result:
        """``work()``, which waits for the driver, in a thread."""
        try:
            return await asyncio.to_thread(work)
        except FAILURES as error:
            raise self.failed(error) from error

    def failed(self, error: Exception) -> StoreError:
        if isinstance(error, NoHostAvailable):
            self._lost_at = self._lost_at or time.monotonic()
        return StoreError(sentence(self.place, error))

    def _connect(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self._session = self._cluster.connect()
                self._cluster.register_listener(NodeEvents(self.place))
                if self._is_closed.is_set():
                    self._cluster.shutdown()
                return
            except FAILURES:
                # A cluster object that could not connect is spent.
                self._cluster.shutdown()
                if time.monotonic() > deadline or self._is_closed.wait(TRY_AGAIN_SECONDS):
                    raise
                self._cluster = cluster_of(self.place)

    def nodes(self) -> list[str]:
        """The addresses of the near data centre's nodes, up or down."""
        hosts = self._cluster.metadata.all_hosts()
        return sorted(host.address for host in hosts if host.datacenter == self.place.datacenter)

    def refresh_nodes(self) -> None:
        """Look again which nodes there are; blocks."""
        self._cluster.refresh_nodes()

    async def agree(self) -> None:
        """Wait until all nodes that are up know the same tables: one that has just joined knows none at first."""
        await self.blocking(lambda: self._cluster.control_connection.wait_for_schema_agreement())

    async def change_schema(self, cql: str) -> None:
        """Run DDL and wait until all nodes agree; raises StoreError.

        All processes ask the same node, which makes one change after the other: two nodes asked at once to make a
        table would make two of one name.
        """
        await self.blocking(lambda: self._change_schema(cql))

    def _change_schema(self, cql: str) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self._session.execute(cql, timeout=SCHEMA_SECONDS, host=self._first_node())
                return
            except NoHostAvailable:  # the first one is just going down or coming up
                if time.monotonic() > deadline or self._is_closed.wait(TRY_AGAIN_SECONDS):
                    raise

    def _first_node(self) -> Any:
        hosts = [host for host in self._cluster.metadata.all_hosts() if host.is_up]
        near = [host for host in hosts if host.datacenter == self.place.datacenter]
        return min(near, key=lambda host: socket.inet_pton(_family(host.address), host.address), default=None)

    def set_levels(self, new: Levels) -> None:
        """Ask for these from now on."""
        self.levels = new
        self.forget_statements()

    def forget_statements(self) -> None:
        """Prepare all anew, as after a change of a table."""
        self._prepared.clear()

    async def run(self, statement: Statement, profile: object = READ) -> Rows:
        """All rows of a statement; raises StoreError."""
        prepared = await self._prepare(statement.cql, profile)
        return await self._execute(prepared.bind(statement.values), profile)

    async def run_together(self, statements: Sequence[Statement]) -> None:
        """Writes in one request; of one partition: all or nothing, and seen at once. Raises StoreError."""
        level = self.levels.write
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=level)
        # A batch asks none of its statements.
        batch.is_idempotent = True
        for statement in statements:
            batch.add(await self._prepare(statement.cql, WRITE), statement.values)
        await self._execute(batch, WRITE)

    async def run_all(self, batches: Iterable[Sequence[Statement]]) -> None:
        """Each batch as `run_together` does, a bounded number at once; raises StoreError of one that failed."""
        waiting = iter(batches)

        async def work() -> None:
            for batch in waiting:
                await self.run_together(batch)

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(WRITES_AT_ONCE):
                    workers.create_task(work())
        except* StoreError as group:
            failure = _first(group)
        else:
            return
        # Not from within: there it would be put into a group again.
        raise failure

    async def _prepare(self, cql: str, profile: object) -> Any:
        if cql not in self._prepared:
            async with self._preparing:
                if cql not in self._prepared:
                    prepared = await self.blocking(lambda: self._session.prepare(cql))
                    prepared.is_idempotent = True
                    prepared.consistency_level = self.levels.write if profile == WRITE else self.levels.read
                    self._prepared[cql] = prepared
        return self._prepared[cql]

    async def _execute(self, statement: Any, profile: object) -> Rows:
        try:
            rows = await self._answer(statement, profile)
        except FAILURES as error:
            raise self.failed(error) from error
        self._lost_at = None
        return rows

    async def _answer(self, statement: Any, profile: object) -> Rows:
        started = time.monotonic()
        while True:
            answer: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
            _Pages(self._session.execute_async(statement, execution_profile=profile), answer)
            try:
                return await answer
            except NoHostAvailable as error:
                if not _passes(error, time.monotonic() - started):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)


class _Pages:
    """Hands all pages of a response to a future; the driver calls back in a thread of its own, page by page."""

    def __init__(self, response: Any, answer: asyncio.Future[Rows]) -> None:
        self._response, self._answer = response, answer
        self._loop = answer.get_loop()
        self._rows: Rows = []
        response.add_callbacks(self._take, self._fail)

    def _take(self, page: Sequence[tuple[Any, ...]] | None) -> None:
        self._rows.extend(page or ())
        if not self._response.has_more_pages:
            self._settle(self._answer.set_result, self._rows)
        elif not self._answer.cancelled():
            try:
                self._response.start_fetching_next_page()
            except Exception as error:  # raised here it would be lost, and the reader wait for ever
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._settle(self._answer.set_exception, error)

    def _settle(self, how: Callable[[Any], None], what: object) -> None:
        def settle() -> None:
            # A reader who was cancelled stays cancelled.
            if not self._answer.done():
                how(what)

        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self._loop.call_soon_threadsafe(settle)


def _passes(error: NoHostAvailable, seconds: float) -> bool:
    """Whether it is worth asking again after so many seconds. All requests may be sent twice."""
    # A socket took no more for a moment, and nothing of the request was sent; or it was lost with its node.
    return (is_busy(error) and seconds < BUSY_SECONDS) or (is_cut(error) and seconds < CUT_SECONDS)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
