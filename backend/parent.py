"""For a process that must not outlive the one that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import threading


def end_with_parent(pipe: int) -> None:
    """Kill this process's whole group once the other end of ``pipe`` is closed, be it by `kill -9` of its owner.

    For a process that leads its group: whatever it started (the JVM, Python workers) goes with it.
    """
    threading.Thread(target=_watch, args=(pipe,), name="parent", daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    # Nothing to be saved: every part survives kill -9 at any moment without loss.
    os.killpg(0, signal.SIGKILL)
