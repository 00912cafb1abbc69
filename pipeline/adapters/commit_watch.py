"""Notices the commits that any process makes to an SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Self

from pipeline.adapters.sqlite import connect

POLL_SECONDS = 0.02
"""How often the file's version is looked at; one look costs some microseconds of CPU."""


class CommitWatch:
    """One thread that looks at ``PRAGMA data_version``, for as long as somebody is watching.

    Take ``changed`` before reading the file, and `wait` for it when there was nothing new: no commit is missed.
    """

    def __init__(self, path: Path, failed: Callable[[Exception], Exception]) -> None:
        self._path = path
        self._failed = failed
        self._watchers = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: sqlite3.Error | None = None
        self.changed = asyncio.Event()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Self]:
        """Keep the watch up while the block runs."""
        self._watchers += 1
        try:
            if self._thread is None:
                self._start()
            yield self
        finally:
            self._watchers -= 1
            if self._watchers == 0:
                await self._end()

    async def wait(self, changed: asyncio.Event) -> None:
        """Wait for the first commit after ``changed`` was taken; raises what `failed` makes of an SQLite error."""
        if self._failure is None:
            await changed.wait()
        if self._failure:
            raise self._failed(self._failure) from self._failure

    def _start(self) -> None:
        self._stop, self._failure = threading.Event(), None
        arguments = (asyncio.get_running_loop(), self._stop)
        self._thread = threading.Thread(target=self._run, args=arguments, name=f"{self._path.name}-watch", daemon=True)
        self._thread.start()

    async def _end(self) -> None:
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread:
            await asyncio.to_thread(thread.join)

    def _run(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        try:
            failure = self._look(loop, stop)
            loop.call_soon_threadsafe(self._notify, failure)
        except RuntimeError:
            return  # the loop is closed, and nobody waits any more

    def _look(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> sqlite3.Error | None:
        """Notify of every change until told to stop, or until the file can't be read."""
        # The first version counts as a change: readers may have read before this thread came up.
        version = -1
        try:
            with closing(connect(self._path)) as connection:
                while not stop.wait(POLL_SECONDS):
                    previous, version = version, connection.execute("PRAGMA data_version").fetchone()[0]
                    if version != previous:
                        loop.call_soon_threadsafe(self._notify, None)
        except sqlite3.Error as error:
            return error
        return None

    def _notify(self, failure: sqlite3.Error | None) -> None:
        self._failure = failure
        self.changed.set()
        self.changed = asyncio.Event()
