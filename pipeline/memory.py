"""How much memory this process may use: the machine's, or its container's."""

from __future__ import annotations

import os
from pathlib import Path

# Of cgroups version 2 and of version 1, as a container sees its own.
CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit() -> int:
    """Bytes; a container without a limit has the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, CONTAINER_LIMITS))])


def _limit(file: Path) -> int | None:
    """None where the file is not there, or names no number ("max")."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
