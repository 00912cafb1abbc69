"""Moves an installation of one machine to other engines: the tables, what the log still holds, and the progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import lake
from pipeline.folder import held
from pipeline.log_copy import JOB, TOPICS, LogCopy, translated
from pipeline.ports import BikewireError, Consumed, Log, Offsets, Row, Store, TopicPartition
from pipeline.settings import Settings
from pipeline.status import JOBS
from pipeline.tables import TABLES
from pipeline.wiring import is_open_elsewhere, local_file, open_log, open_store

ROWS_TOGETHER = 5_000

_SOURCE_JOB = f"{JOB} source"
_TABLES_JOB = f"{JOB} tables"
_DONE_JOB = f"{JOB} done"

_WENT_ON = (
    "The source has gone on since the move began, and what came later can't be added: stop every `bikewire` that works"
    " with it, then move it into a new log and a new store."
)

Progress = Callable[[str, int, int], None]
"""Takes what is being copied ("store", "log"), how much of it is done, and of how much."""


class MoveRefused(BikewireError):
    """Nothing is moved, or not to the end; the text says why, and what to do."""


@dataclass
class Report:
    """What this run did: rows by table, records, and where the source's lake lies.

    ``was_done`` says that all had been moved before.
    """

    lake: Path
    rows: dict[str, int] = field(default_factory=dict)
    records: int = 0
    was_done: bool = False


async def migrate(from_log: str, from_store: str, settings: Settings, progress: Progress) -> Report:
    """Copy log and store of a folder to the settings' ones; what an earlier run has copied is not copied again.

    The source stays as it is. Raises MoveRefused, FolderInUse, SettingsError, LogError, StoreError.
    """
    files = _files(from_log, from_store, settings)
    with _alone(files):
        async with AsyncExitStack() as stack:
            move = _Move(
                await stack.enter_async_context(open_log(from_log)),
                await stack.enter_async_context(open_store(from_store)),
                await stack.enter_async_context(open_log(settings.log, JOB)),
                await stack.enter_async_context(open_store(settings.store)),
                f"{files[0]} {files[1]}",
                progress,
            )
            report = Report(files[1].parent / "lake")
            await move.run(report)
            return report


def _files(from_log: str, from_store: str, settings: Settings) -> tuple[Path, Path]:
    """The source's files, which have to be there."""
    found = []
    for option, source, target in (("log", from_log, settings.log), ("store", from_store, settings.store)):
        file = local_file(source)
        if file is None:
            msg = f"--from-{option}: {source!r} is not the sqlite:///PATH of an installation on this machine."
            raise MoveRefused(msg)
        if not file.is_file():
            msg = f"--from-{option}: there is no {option} at '{file}'."
            raise MoveRefused(msg)
        if local_file(target) == file:
            msg = f"BIKEWIRE_{option.upper()}: '{file}' is where the {option} is now; name the one to move it to."
            raise MoveRefused(msg)
        found.append(file)
    return found[0], found[1]


@contextmanager
def _alone(files: tuple[Path, Path]) -> Iterator[None]:
    """Hold the folders while the block runs; raises FolderInUse or MoveRefused when somebody else uses them."""
    with ExitStack() as folders:
        for folder in sorted({file.parent for file in files}):
            folders.enter_context(held(folder))
        for file in files:
            if is_open_elsewhere(file):
                msg = f"'{file}' is in use: stop every `bikewire` that works with it, then run this again."
                raise MoveRefused(msg)
        yield


@dataclass
class _Move:
    """From the first two to the second two; ``source`` names the source in the target's store."""

    from_log: Log
    from_store: Store
    log: Log
    store: Store
    source: str
    progress: Progress

    async def run(self, report: Report) -> None:
        for log in (self.from_log, self.log):
            await log.create(TOPICS)
        for store in (self.from_store, self.store):
            await store.create(TABLES)
        jobs = {job: await self.from_store.offsets(job) for job in JOBS}
        await self._check_lake(jobs[lake.JOB])
        state = await self._state()
        # From here on a run before this one has either published something or never will.
        await self.log.settle(TOPICS)
        await self._begin(state)
        report.was_done = await self.store.offsets(_DONE_JOB) == state
        if report.was_done:
            return
        await self._copy_tables(report)
        copy = LogCopy(self.from_log, self.log, self.store, self.source, jobs)
        await copy.run(lambda done, total: self.progress("log", done, total))
        report.records = copy.records
        if await self._state() != state:
            raise MoveRefused(_WENT_ON)
        await self._finish(state, jobs)

    async def _state(self) -> Offsets:
        """Where the source's log ends, and how far its readers are: the same as long as nobody works with it."""
        counted = [await self.from_log.end_offsets(TOPICS), *[await self.from_store.offsets(job) for job in JOBS]]
        return {TopicPartition(self.source, number): sum(found.values()) for number, found in enumerate(counted)}

    async def _check_lake(self, done: Offsets) -> None:
        intended = await self.from_store.offsets(lake.INTENT)
        if any(offset > done.get(at, 0) for at, offset in intended.items()):
            msg = (
                "The source was ended while it wrote to its lake; run `bikewire stream --available-now` on it, then"
                " this again."
            )
            raise MoveRefused(msg)

    async def _begin(self, state: Offsets) -> None:
        """Note in the target whose copy it holds; raises MoveRefused when it holds anything else."""
        noted = await self.store.offsets(_SOURCE_JOB)
        if not noted:
            await self._check_empty()
            await self.store.write({}, Consumed(_SOURCE_JOB, state))
        elif noted.keys() != state.keys():
            other = next(iter(noted)).topic
            msg = f"BIKEWIRE_STORE: it holds a copy of another source ({other}); move into a new log and a new store."
            raise MoveRefused(msg)
        elif noted != state:
            raise MoveRefused(_WENT_ON)

    async def _check_empty(self) -> None:
        if any((await self.log.end_offsets(TOPICS)).values()):
            msg = "BIKEWIRE_LOG: the log is not empty; move into a new one (of Kafka: another ?prefix=)."
            raise MoveRefused(msg)
        for table in TABLES:
            if await self.store.partitions(table):
                msg = f"BIKEWIRE_STORE: the store is not empty (see its table {table.name}); move into a new one."
                raise MoveRefused(msg)

    async def _copy_tables(self, report: Report) -> None:
        partitions = {table: sorted(await self.from_store.partitions(table), key=repr) for table in TABLES}
        copied = await self.store.offsets(_TABLES_JOB)
        total, before = sum(map(len, partitions.values())), 0
        for table, keys in partitions.items():
            done = copied.get(TopicPartition(table.name, 0), 0)
            rows: list[Row] = []
            for number, key in enumerate(keys[done:], done + 1):
                rows += await self.from_store.read(table, key)
                if len(rows) >= ROWS_TOGETHER or number == len(keys):
                    await self.store.write(
                        {table: rows}, Consumed(_TABLES_JOB, {TopicPartition(table.name, 0): number})
                    )
                    report.rows[table.name] = report.rows.get(table.name, 0) + len(rows)
                    rows = []
                self.progress("store", before + number, total)
            before += len(keys)

    async def _finish(self, state: Offsets, jobs: Mapping[str, Offsets]) -> None:
        """Only now can a stream begin: with the progress that it had."""
        for job, offsets in jobs.items():
            moved = await translated(job, offsets, self.log, self.store)
            if moved:
                await self.store.write({}, Consumed(job, moved))
        await self.store.write({}, Consumed(_DONE_JOB, state))
