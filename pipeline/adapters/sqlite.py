"""SQLite connections in threads of their own, for the adapters; errors come out as sentences."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
Synchronous = Literal["NORMAL", "FULL"]
"""Both survive a kill at any moment. After a power cut NORMAL may have lost the newest transactions, FULL not."""

BUSY_SECONDS = 30.0
"""How long a writer waits for another process's transaction before it gives up."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# SQLite says FULL for a full disk only; a quota or a size limit shows as a failed write.
_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970; raises TypeError for a datetime without a time zone."""
    return (instant - _EPOCH) // _MICROSECOND


@lru_cache(4096)  # a poll's records share their instants
def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND


def connect(path: Path, synchronous: Synchronous = "NORMAL", *, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode; transactions are opened with `transaction`.

    It may be handed from thread to thread, for one at a time.
    """
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA synchronous={synchronous}")
    # A write-ahead log that a long reader made grow gives its room back at the next checkpoint.
    connection.execute("PRAGMA journal_size_limit=67108864")
    return connection


def is_open_elsewhere(path: Path) -> bool:
    """Whether a process, this one included, has the file open; also one that only waits for news of it."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            # A connection to a file in WAL mode always holds a shared lock on it.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            return is_busy(error)
    return False


def make(path: Path, build: Callable[[sqlite3.Connection], None], synchronous: Synchronous) -> None:
    """Make the file if needed, in WAL mode, and let ``build`` make what is missing in one transaction.

    Safe when several processes do it at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Turning a new file to WAL reports a rival at once, whatever the busy timeout.
    for attempt in Retrying(
        retry=retry_if_exception(is_busy), stop=stop_after_delay(BUSY_SECONDS), wait=wait_random(0, 0.05), reraise=True
    ):
        with attempt, closing(connect(path, synchronous, create=True)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            with transaction(connection):
                build(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: all of it or nothing, and one writer at a time over all processes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has already made SQLite roll back.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_busy(error: BaseException) -> bool:
    """Whether another process held the file for too long."""
    return isinstance(error, sqlite3.Error) and _code(error) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_full(error: BaseException) -> bool:
    """Whether there was no room to write."""
    return isinstance(error, sqlite3.Error) and _code(error) in _NO_ROOM


def sentence(path: Path, what: str, error: Exception) -> str:
    """What went wrong with the file, in one sentence for the person who runs Bikewire."""
    if is_full(error):
        return f"{path}: no room for the {what} ({error}); it goes on when there is room."
    if is_busy(error):
        return f"{path}: another process has held the {what} for {BUSY_SECONDS:.0f} seconds ({error})."
    if isinstance(error, sqlite3.Error):
        code = _code(error) & 0xFF
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            return f"{path}: this is no usable {what} ({error}); move the file away to start a new one."
        if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
            return f"{path}: the {what} can't be opened for writing ({error})."
    return f"{path}: the {what} failed ({error})."


def _code(error: sqlite3.Error) -> int:
    # Errors that Python's own module raises (a closed connection, a wrong parameter) carry no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


class Threads:
    """Up to ``count`` threads with one connection each, to run blocking work off the event loop.

    ``failed`` turns an SQLite or file error into the adapter's own.
    """

    def __init__(
        self, path: Path, count: int, synchronous: Synchronous, failed: Callable[[Exception], Exception]
    ) -> None:
        self._path = path
        self._synchronous = synchronous
        self._failed = failed
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=path.name)
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """``work(connection, *args)`` in one of the threads."""

        def call() -> Result:
            return work(self._connection(), *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
            raise self._failed(error) from error

    async def run_alone(self, work: Callable[[], Result]) -> Result:
        """``work()`` in one of the threads, without a connection."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
            raise self._failed(error) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, self._synchronous)
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    async def close(self) -> None:
        """Wait for the work under way, then close every connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._executor.shutdown(wait=True)
        while self._connections:
            self._connections.pop().close()
