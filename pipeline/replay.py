"""Recorded polls into a log, under their recorded times or moved to the present."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from pipeline.model import Topic, milliseconds
from pipeline.observation import Observer
from pipeline.ports import Log
from pipeline.recording import RecordedPoll, Recording, RecordingError, RefusedLine
from pipeline.settings import Settings

NAMED_REFUSALS = 20
"""How many refused lines a report names; it counts them all."""

logger = logging.getLogger(__name__)


@dataclass
class ReplayReport:
    """What a replay did; ``start`` and ``end`` are the first and the last ``polled_at`` as published."""

    polls: int = 0
    records: int = 0
    refused: int = 0
    refusals: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


async def replay(
    path: Path,
    log: Log,
    settings: Settings,
    *,
    system_id: str | None = None,
    speed: float | None = None,
    to_now: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayReport:
    """Publish the polls of a recording (see `pipeline/recording.py`), each in one publish.

    ``speed`` is how many seconds of the recording pass in one second, None as many as can. ``system_id``
    publishes the one system of the recording under this id. With ``to_now`` all times are moved: at full speed
    so that the newest poll is now; else the first poll is now, and each is polled at the moment it is published.
    ``progress`` is told the bytes read and the size of the file. What is no poll is refused, counted and named.
    Raises RecordingError, LogError.
    """
    await log.create(list(Topic))
    with await asyncio.to_thread(Recording, path) as recording:
        clock = await asyncio.to_thread(_clock, path, speed, to_now)
        player = _Player(log, settings, clock, system_id)
        polls = iter(recording)
        while (line := await asyncio.to_thread(next, polls, None)) is not None:
            await player.play(line)
            if progress is not None:
                progress(recording.position, recording.size)
    return player.report


class _Clock:
    """When to publish a poll, and under which time."""

    def __init__(self, speed: float | None, moved_to: datetime | None, shift: timedelta) -> None:
        self._speed = speed
        self._moved_to = moved_to
        self._shift = shift
        self._first: datetime | None = None
        self._started = 0.0

    async def polled_at(self, recorded: datetime) -> datetime:
        """Waits until the poll's turn; the time to publish it under."""
        if self._speed is None:
            return milliseconds(recorded + self._shift)
        if self._first is None:
            self._first, self._started = recorded, monotonic()
        elapsed = (recorded - self._first) / self._speed
        await asyncio.sleep(self._started + elapsed.total_seconds() - monotonic())
        return milliseconds(recorded if self._moved_to is None else self._moved_to + elapsed)


def _clock(path: Path, speed: float | None, to_now: bool) -> _Clock:
    now = datetime.now(UTC)
    if speed is None and to_now:
        return _Clock(None, None, now - _newest(path))
    return _Clock(speed, now if to_now else None, timedelta(0))


def _newest(path: Path) -> datetime:
    with Recording(path) as recording:
        newest = max((poll.polled_at for poll in recording if isinstance(poll, RecordedPoll)), default=None)
    if newest is None:
        msg = f"{path} holds no poll."
        raise RecordingError(msg)
    return newest


class _Player:
    def __init__(self, log: Log, settings: Settings, clock: _Clock, system_id: str | None) -> None:
        self.report = ReplayReport()
        self._log = log
        self._settings = settings
        self._clock = clock
        self._renamed_to = system_id
        self._observers: dict[str, Observer] = {}

    async def play(self, line: RecordedPoll | RefusedLine) -> None:
        if isinstance(line, RecordedPoll):
            line = self._of_one_system(line)
        if isinstance(line, RefusedLine):
            self._refuse(line)
        else:
            await self._publish(line)

    def _of_one_system(self, poll: RecordedPoll) -> RecordedPoll | RefusedLine:
        if self._renamed_to is None or poll.system_id in self._observers or not self._observers:
            return poll
        known = next(iter(self._observers))
        return RefusedLine(
            poll.line, f"The poll is of {poll.system_id}; only {known} is replayed, as {self._renamed_to}."
        )

    async def _publish(self, poll: RecordedPoll) -> None:
        polled_at = await self._clock.polled_at(poll.polled_at)
        observer = self._observers.setdefault(
            poll.system_id, Observer(self._renamed_to or poll.system_id, self._settings)
        )
        observation = observer.observe(polled_at, poll.fetches, polled_at - milliseconds(poll.polled_at))
        records = observation.log_records()
        await self._log.publish(observer.system_id, records)
        observer.keep(observation)
        report = self.report
        report.polls += 1
        report.records += len(records)
        report.start = report.start or polled_at
        report.end = polled_at

    def _refuse(self, line: RefusedLine) -> None:
        self.report.refused += 1
        if self.report.refused <= NAMED_REFUSALS:
            sentence = f"Line {line.line}: {line.reason}"
            self.report.refusals += (sentence,)
            logger.warning("replay: refused. %s", sentence)
