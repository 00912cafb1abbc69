"""A file of recorded polls, read line by line: NDJSON, gzip or plain, in time order.

One line is one poll: ``{"polled_at": RFC 3339, "system_id": text, "feeds": {feed: document}}``. A document is
the JSON that the server sent, a text when its body was not JSON, null when the fetch failed; a feed left out
was not due.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from pipeline.deviations import shown
from pipeline.gbfs_fields import rfc3339
from pipeline.gbfs_model import POLLED, Feed
from pipeline.ports import BikewireError
from pipeline.reading import Fetch

GZIP_MAGIC = b"\x1f\x8b"

LONGEST_LINE = 256 * 1024 * 1024
"""A line is held in memory; a longer one is refused."""


class RecordingError(BikewireError):
    """The file can't be read at all; the text names it."""


@dataclass(frozen=True)
class RecordedPoll:
    """One poll of one system, ``polled_at`` in UTC."""

    line: int
    polled_at: datetime
    system_id: str
    fetches: dict[Feed, Fetch]


@dataclass(frozen=True)
class RefusedLine:
    """A line that is no poll, and why in one sentence."""

    line: int
    reason: str


class _Line(msgspec.Struct):
    polled_at: str
    system_id: str
    feeds: dict[str, msgspec.Raw]


_LINE = msgspec.json.Decoder(_Line)


class Recording:
    """An open recording; iterate it for its polls and refused lines. ``size`` and ``position`` are in bytes."""

    def __init__(self, path: Path) -> None:
        """Raises RecordingError when the file can't be opened."""
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            msg = f"{path} can't be read: {error.strerror}."
            raise RecordingError(msg) from error
        is_gzip = self._file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        self._file.seek(0)
        self._lines = cast("BinaryIO", gzip.GzipFile(fileobj=self._file)) if is_gzip else self._file

    @property
    def position(self) -> int:
        """How far the file has been read, for a progress bar."""
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._file.close()

    def __iter__(self) -> Iterator[RecordedPoll | RefusedLine]:
        newest: dict[str, datetime] = {}
        for number, line in self._numbered():
            if isinstance(line, RefusedLine):
                yield line
            elif line.strip():
                yield _in_order(_poll(number, line), newest)

    def _numbered(self) -> Iterator[tuple[int, bytes | RefusedLine]]:
        number = 0
        try:
            while line := self._lines.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    self._skip_line()
                    yield number, RefusedLine(number, f"The line is longer than {LONGEST_LINE} bytes.")
                else:
                    yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            yield number + 1, RefusedLine(number + 1, f"The file breaks off here: {error}.")

    def _skip_line(self) -> None:
        while (rest := self._lines.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass


def _poll(number: int, line: bytes) -> RecordedPoll | RefusedLine:
    try:
        found = _LINE.decode(line)
        polled_at = rfc3339(found.polled_at)
        if polled_at is None or polled_at.tzinfo is None:
            return RefusedLine(number, f"polled_at is {shown(found.polled_at)}; it must be RFC 3339 with an offset.")
        if not found.system_id.strip():
            return RefusedLine(number, f"system_id is {shown(found.system_id)}; it must name a system.")
        return RecordedPoll(number, polled_at.astimezone(UTC), found.system_id.strip(), _fetches(found.feeds))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        return RefusedLine(number, f"The line is no poll: {error}.")


def _fetches(feeds: dict[str, msgspec.Raw]) -> dict[Feed, Fetch]:
    return {feed: _fetch(bytes(raw)) for name, raw in feeds.items() if (feed := Feed.named(name)) in POLLED}


def _fetch(raw: bytes) -> Fetch:
    if raw == b"null":
        return Fetch(failure="The fetch failed when it was recorded.")
    if raw.startswith(b'"'):
        return Fetch(body=msgspec.json.decode(raw, type=str).encode())
    return Fetch(body=raw)


def _in_order(poll: RecordedPoll | RefusedLine, newest: dict[str, datetime]) -> RecordedPoll | RefusedLine:
    if isinstance(poll, RefusedLine):
        return poll
    before = newest.get(poll.system_id)
    if before is not None and poll.polled_at <= before:
        return RefusedLine(
            poll.line,
            f"polled_at is {poll.polled_at.isoformat()}, not after {before.isoformat()}, the poll of"
            f" {poll.system_id} before it.",
        )
    newest[poll.system_id] = poll.polled_at
    return poll
