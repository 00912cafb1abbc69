"""Jars are fetched by one process at a time."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

import pytest

from pipeline.jars import fetched


def test_who_waits_for_another_process_takes_what_that_one_fetched(tmp_path: Path) -> None:
    folder = tmp_path / "jars"
    with ThreadPoolExecutor(1) as pool, (tmp_path / "fetching.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = pool.submit(fetched, folder, ())
        with pytest.raises(NotYet):
            waiting.result(timeout=0.2)
        folder.mkdir()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result(timeout=10) == folder
    assert list(folder.iterdir()) == []
