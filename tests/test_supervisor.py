"""The supervisor: parts come back when they end, and nothing of them is left when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from backend.supervisor import Part, PartRefused, Supervisor
from pipeline.folder import FolderInUse, held
from pipeline.settings import SettingsError

# Each is run as: python -c SCRIPT --parent DESCRIPTOR ARGUMENT...
TALKS = "import sys; print('my arguments:', *sys.argv[3:])"
REFUSES = "import sys; print('wrong setting'); sys.exit(2)"
SLEEPS = "import time; print('asleep', flush=True); time.sleep(600)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {IGNORES_SIGTERM!r}])
print("child", child.pid, flush=True)
child.wait()
"""
FOLLOWS_PARENT = f"""
import sys
from backend.parent import end_with_parent
end_with_parent(int(sys.argv[2]))
{HAS_CHILD}
"""
SUPERVISES = f"""
import asyncio, sys
from backend.supervisor import Part, Supervisor
say = lambda part, line: print(line, flush=True)
supervisor = Supervisor(say, {{}}, command=(sys.executable, "-c", {FOLLOWS_PARENT!r}))
asyncio.run(supervisor.run((Part("stream", ()),)))
"""


class Screen:
    """What was said, and who waits for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def say(self, part: str, line: str) -> None:
        self.lines.append((part, line))
        self._news.set()

    async def until(self, is_there: Callable[[list[tuple[str, str]]], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_there(self.lines):
                await self._news.wait()
                self._news.clear()


def supervisor(screen: Screen, script: str, healthy_seconds: float = 60) -> Supervisor:
    command = (sys.executable, "-c", script)
    return Supervisor(screen.say, {}, command=command, healthy_seconds=healthy_seconds)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def until_gone(pids: list[int], seconds: float) -> list[int]:
    """The processes that are still there after so many seconds at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(is_running(pid) for pid in pids):
        time.sleep(0.01)
    return [pid for pid in pids if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def child_of(lines: list[tuple[str, str]]) -> int:
    return next(int(line.split()[1]) for _, line in lines if line.startswith("child"))


async def test_a_part_that_ends_is_started_again_later_and_later() -> None:
    screen = Screen()
    task = asyncio.create_task(supervisor(screen, TALKS).run((Part("poll", ("poll", "--fast")),)))
    await screen.until(lambda lines: len(lines) >= 6)
    await ended(task)
    said = ("poll", "my arguments: poll --fast")
    assert screen.lines[:6] == [
        said,
        ("poll", "ended; starting it again in 0.5 s"),
        said,
        ("poll", "ended; starting it again in 1 s"),
        said,
        ("poll", "ended; starting it again in 2 s"),
    ]


async def test_a_part_that_was_healthy_comes_back_as_quickly_as_the_first_time() -> None:
    screen = Screen()
    task = asyncio.create_task(supervisor(screen, TALKS, healthy_seconds=0).run((Part("poll", ()),)))
    await screen.until(lambda lines: len(lines) >= 6)
    await ended(task)
    assert [line for _, line in screen.lines[1:6:2]] == ["ended; starting it again in 0.5 s"] * 3


async def test_a_killed_part_is_told_of_and_started_again() -> None:
    screen = Screen()
    task = asyncio.create_task(
        supervisor(screen, f"import os; print('pid', os.getpid()); {SLEEPS}").run((Part("serve", ()),))
    )
    await screen.until(lambda lines: len(lines) == 2)
    os.kill(int(screen.lines[0][1].split()[1]), signal.SIGKILL)
    await screen.until(lambda lines: len(lines) == 5)
    await ended(task)
    assert screen.lines[2] == ("serve", "was ended by SIGKILL; starting it again in 0.5 s")
    assert screen.lines[3] != screen.lines[0]


async def test_a_part_that_refuses_its_settings_ends_all() -> None:
    screen = Screen()
    script = f"import sys\nif 'good' in sys.argv:\n    {SLEEPS}\nelse:\n    {REFUSES}"
    with pytest.raises(PartRefused, match="stream can't run here") as refusal:
        await supervisor(screen, script).run((Part("poll", ("good",)), Part("stream", ())))
    assert ("stream", "wrong setting") in screen.lines
    assert refusal.value.exit_code == SettingsError.exit_code == 2
    assert psutil.Process().children(recursive=True) == []


async def test_a_part_that_does_not_listen_and_its_children_are_ended_in_time() -> None:
    screen = Screen()
    task = asyncio.create_task(supervisor(screen, HAS_CHILD).run((Part("stream", ()),)))
    await screen.until(lambda lines: len(lines) == 2)
    began = time.monotonic()
    await ended(task)
    assert until_gone([child_of(screen.lines)], 1) == []
    assert time.monotonic() - began < 5


async def test_a_part_that_ignores_sigterm_is_killed_in_time() -> None:
    screen = Screen()
    task = asyncio.create_task(supervisor(screen, IGNORES_SIGTERM).run((Part("stream", ()),)))
    await screen.until(lambda lines: len(lines) == 1)
    began = time.monotonic()
    await ended(task)
    assert psutil.Process().children(recursive=True) == []
    assert 3.5 < time.monotonic() - began < 5
    assert screen.lines == [("stream", "asleep"), ("stream", "did not end within 4 s and was killed")]


async def test_what_a_part_says_while_it_is_being_ended_is_not_told() -> None:
    screen = Screen()
    script = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit('last words')); {SLEEPS}"
    task = asyncio.create_task(supervisor(screen, script).run((Part("stream", ()),)))
    await screen.until(lambda lines: len(lines) == 1)
    await ended(task)
    assert screen.lines == [("stream", "asleep")]


async def test_a_line_without_end_does_not_end_the_part() -> None:
    screen = Screen()
    script = "print('x' * 3_000_000, flush=True)\nprint('and on')"
    task = asyncio.create_task(supervisor(screen, script).run((Part("poll", ()),)))
    await screen.until(lambda lines: any(line.startswith("ended") for _, line in lines))
    await ended(task)
    assert ("poll", "(a line of more than 1048576 bytes)") in screen.lines
    assert ("poll", "and on") in screen.lines


def test_kill_9_of_the_supervisor_ends_the_parts_and_what_they_started() -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISES], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        grandchild = int(running.stdout.readline().split()[1])
        child = psutil.Process(grandchild).ppid()
        running.kill()
        assert until_gone([child, grandchild], 5) == []


def test_a_held_folder_is_refused_and_names_its_holder(tmp_path: Path) -> None:
    with held(tmp_path / "data"), pytest.raises(FolderInUse, match=rf"process {os.getpid()}"), held(tmp_path / "data"):
        pass
    with held(tmp_path / "data"):
        pass


def test_a_folder_stays_held_while_a_child_lives(tmp_path: Path) -> None:
    with held(tmp_path) as descriptor:
        child = subprocess.Popen([sys.executable, "-c", SLEEPS], pass_fds=(descriptor,), stdout=subprocess.DEVNULL)
    with pytest.raises(FolderInUse), held(tmp_path):
        pass
    child.kill()
    child.wait()
    with held(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    sentence = r"^BIKEWIRE_DATA: '.*/file/data' can't be written \(Not a directory\)"
    with pytest.raises(SettingsError, match=sentence), held(file / "data"):
        pass
