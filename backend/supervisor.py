"""Keeps the parts of Bikewire running: each a process of its own, started again when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.ports import BikewireError
from pipeline.settings import SettingsError

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
GRACE_SECONDS = 4.0
"""How long a part may take to end itself; what is left of it then is killed."""

_LONGEST_LINE = 1 << 20

Say = Callable[[str, str], None]
"""Takes the name of a part and a line that it said (or that is said about it)."""


class Part(NamedTuple):
    """A part of Bikewire: its name on the screen, the arguments of `bikewire`, descriptors it inherits."""

    name: str
    arguments: tuple[str, ...]
    descriptors: tuple[int, ...] = ()


class PartRefused(BikewireError):
    """A part says that it can't run here, however often it is started; it has said why."""

    exit_code = SettingsError.exit_code


@dataclass(frozen=True)
class Supervisor:
    """Runs parts with ``environment``; all of them inherit ``descriptors``.

    ``command`` gets the arguments ``--parent DESCRIPTOR`` and the part's own ones.
    """

    say: Say
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    command: tuple[str, ...] = (sys.executable, "-m", "backend.cli")
    healthy_seconds: float = 60.0

    async def run(self, parts: tuple[Part, ...]) -> None:
        """Keep the parts running until cancelled; then none of their processes is left.

        Raises PartRefused when one ends with the exit code of a wrong setting, or because another process has taken
        its place: the others are ended too.
        """
        # Nothing is ever written: the parts see it closed when this process ends, however it ends.
        pipe, ours = os.pipe()
        refused: ExceptionGroup[PartRefused] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self._keep(part, pipe))
        except* PartRefused as refusals:
            refused = refusals
        finally:
            os.close(pipe)
            os.close(ours)
        if refused is not None:
            raise refused.exceptions[0]

    async def _keep(self, part: Part, pipe: int) -> None:
        delay = FIRST_DELAY_SECONDS
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            code = await self._run_once(part, pipe)
            if code == SettingsError.exit_code:
                msg = f"{part.name} can't run here (see its line above)."
                raise PartRefused(msg)
            if clock() - began >= self.healthy_seconds:
                delay = FIRST_DELAY_SECONDS
            self.say(part.name, f"{_ending(code)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    async def _run_once(self, part: Part, pipe: int) -> int:
        process = await self._start(part, pipe)
        muted = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._echo(part.name, process, muted))
            try:
                return await process.wait()
            except asyncio.CancelledError:
                # What a part says while it is being ended (a JVM above all) is no news to anybody.
                muted.set()
                raise
            finally:
                if not await _end(process):
                    self.say(part.name, f"did not end within {GRACE_SECONDS:g} s and was killed")

    async def _start(self, part: Part, pipe: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *(*self.command, "--parent", str(pipe), *part.arguments),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            limit=_LONGEST_LINE,
            env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"},
            pass_fds=(pipe, *self.descriptors, *part.descriptors),
            # Its own group: Ctrl-C reaches us alone, and we end it with all that it started.
            start_new_session=True,
        )

    async def _echo(self, name: str, process: Process, muted: asyncio.Event) -> None:
        assert process.stdout is not None
        while line := await _line(process.stdout):
            if not muted.is_set():
                self.say(name, line.decode(errors="replace").rstrip())


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        return f"(a line of more than {_LONGEST_LINE} bytes)\n".encode()


async def _end(process: Process) -> bool:
    """End the process if it runs, and all that it started; whether it ended by itself."""
    is_orderly = True
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        except TimeoutError:
            is_orderly = False
    # The group outlives its leader as long as anything that it started does (a JVM that hangs in its shutdown).
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    return is_orderly


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return "ended" if code == 0 else f"failed with exit code {code}"
