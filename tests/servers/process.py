"""A server's process: started, watched until it answers, stopped, killed, started again on the same data."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="servers")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    # A test run that is killed must leave no server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server(ABC):
    """One server process with its data in ``folder``; the data outlives the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def command(self) -> list[str]:
        """What to run."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its work."""

    def start(self, seconds: float = 120) -> None:
        """Start it and wait until it answers; raises RuntimeError with the end of its output when it does not."""
        if self.answers():
            msg = f"something else already answers in the place of {type(self).__name__}"
            raise RuntimeError(msg)
        # To the kernel the parent is a thread: the one of an asyncio loop ends long before the test run.
        self._process = _STARTER.submit(self._run).result()
        self._wait(time.monotonic() + seconds)

    def _run(self) -> subprocess.Popen[bytes]:
        with (self.folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _wait(self, deadline: float) -> None:
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                end = (self.folder / "output.log").read_text(errors="replace")[-3000:]
                msg = f"{type(self).__name__} did not come up:\n{end}"
                raise RuntimeError(msg)
            time.sleep(0.05)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            msg = f"{type(self).__name__} was never started"
            raise RuntimeError(msg)
        return self._process

    def stop(self) -> None:
        """End it cleanly."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def revive(self) -> None:
        """Let it run again, killed, frozen or neither."""
        self.thaw()
        if self.process.poll() is not None:
            self.start()
        self._wait(time.monotonic() + 60)

    def _end(self, how: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)
