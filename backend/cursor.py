"""Cursors of `stationUpdates`: how far a client has come, good on any server and after a restart."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import msgspec

from backend.live import STATION_TOPICS, LiveSystem, LiveTable
from pipeline.ports import BikewireError, TopicPartition

MAX_LENGTH = 4096


class CursorRefused(BikewireError):
    """A cursor that this server did not make for this system."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The log offsets up to which a system's stations were told, and the instant their states were judged for."""

    system_id: str
    as_of: datetime
    positions: tuple[tuple[str, int, int], ...]

    @property
    def offsets(self) -> dict[TopicPartition, int]:
        return {TopicPartition(topic, partition): offset for topic, partition, offset in self.positions}

    def encode(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str, system_id: str) -> Cursor:
        """The cursor in ``text``; raises CursorRefused when it is none, or one of another system."""
        cursor = _parse(text)
        if cursor.system_id != system_id:
            msg = f"The cursor belongs to system {cursor.system_id!r}, not to {system_id!r}."
            raise CursorRefused(msg)
        return cursor


def _parse(text: str) -> Cursor:
    if len(text) > MAX_LENGTH:
        msg = f"The cursor has {len(text)} characters; none has more than {MAX_LENGTH}."
        raise CursorRefused(msg)
    try:
        # Python's decoder skips what is not base64 unless told to validate.
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(decoded, type=Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        msg = f"{text[:40]!r} is not a cursor of stationUpdates; leave out `after` to start with everything."
        raise CursorRefused(msg) from error


def cursor_now(table: LiveTable, system_id: str) -> Cursor:
    """Where the table stands for the system."""
    positions = sorted((*partition, offset) for partition, offset in table.positions.items() if _is_told(partition))
    return Cursor(system_id, table.systems[system_id].as_of, tuple(positions))


def changed_after(table: LiveTable, system: LiveSystem, cursor: Cursor) -> set[str] | None:
    """The stations that changed after the cursor; None when the table can't tell, and everything has to be sent.

    That is so when the cursor is older than what was read of the log, or does not fit the log: it is ahead of it,
    or names other partitions.
    """
    offsets = cursor.offsets
    known = {partition: offset for partition, offset in table.positions.items() if _is_told(partition)}
    if not known.keys() <= offsets.keys():
        return None
    if any(not table.floor.get(partition, 0) <= offsets[partition] <= end for partition, end in known.items()):
        return None
    return system.since_offsets(offsets, cursor.as_of)


def _is_told(partition: TopicPartition) -> bool:
    return partition.topic in STATION_TOPICS
