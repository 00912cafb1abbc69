"""How Bikewire speaks while it runs: one readable line per event, on standard error."""

from __future__ import annotations

import logging

from pipeline.ports import BikewireError

_TALKATIVE = ("httpx", "httpcore", "uvicorn", "asyncio")


class _Lines(logging.Formatter):
    """``2026-11-23 18:05:01 message``, in local time; the level is named when it is a warning or worse."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        if record.levelno >= logging.WARNING:
            record.message = f"{record.levelname}: {record.message}"
        return super().formatMessage(record)


def set_up(level: str) -> None:
    """Log from ``level`` on; libraries that tell of every request only when something is wrong, or in DEBUG."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel("DEBUG" if level == "DEBUG" else "WARNING")
    # Shows a trace of every try, each second, to reach a node that is down; the store says once that it is.
    logging.getLogger("cassandra").setLevel("CRITICAL")
    # Tells of every call into the JVM, byte by byte, and shows a trace of what the stream says in a sentence itself.
    logging.getLogger("py4j").setLevel("CRITICAL")


def sentence(error: BaseException) -> str:
    """What an error says, in one line: ours are sentences; of others the first line and their kind."""
    if isinstance(error, BikewireError):
        return str(error)
    first = next(iter(str(error).strip().splitlines()), "no reason given")
    return f"{first} ({type(error).__name__})"
