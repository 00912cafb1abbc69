"""The data folder belongs to one `bikewire up` at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.ports import BikewireError
from pipeline.settings import SettingsError


class FolderInUse(BikewireError):
    """Another process holds the data folder; the text names it."""

    exit_code = 2


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the folder (made if missing); gives a descriptor to pass on to child processes.

    The folder is free again when this process and all children that inherited the descriptor are gone.
    Raises FolderInUse, or SettingsError when the folder can't be written.
    """
    descriptor = _open(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderInUse(_sentence(folder, descriptor)) from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        msg = f"BIKEWIRE_DATA: {str(folder)!r} can't be written ({error.strerror}); name another folder with --data."
        raise SettingsError(msg) from error


def _sentence(folder: Path, descriptor: int) -> str:
    holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
    return (
        f"{str(folder)!r} is in use by another `bikewire up` (process {holder or 'unknown'});"
        " stop that one, or take another folder with --data."
    )
