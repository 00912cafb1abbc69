"""The log's tables in SQLite, and what is read from and written to them; plain functions on a connection.

One sequence of offsets runs over all topics. A publish is a contiguous range of it, known by its last offset.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.ports import LogError, LogRecord, TopicPartition

APPLICATION_ID = 0x42574C47  # "BWLG"
LOG_VERSION = 2

_SCHEMA = (
    # next: the offset after the topic's last record, also when that was retired.
    "CREATE TABLE IF NOT EXISTS topic ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS record ("
    " offset INTEGER PRIMARY KEY, topic INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " appended_at INTEGER NOT NULL)",
    # partition_key: null in publishes of version 1, which did not note it.
    "CREATE TABLE IF NOT EXISTS publish ("
    " last INTEGER PRIMARY KEY, first INTEGER NOT NULL, appended_at INTEGER NOT NULL, partition_key TEXT)",
    "CREATE INDEX IF NOT EXISTS publish_appended_at ON publish (appended_at)",
    # How many records of which topic a publish holds, and from where to where: steps are planned by it.
    "CREATE TABLE IF NOT EXISTS content ("
    " publish INTEGER NOT NULL, topic INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " records INTEGER NOT NULL, PRIMARY KEY (publish, topic)) WITHOUT ROWID",
    # Kept apart from the records, so that offsets are never used twice when all records are retired.
    "CREATE TABLE IF NOT EXISTS sequence (next INTEGER NOT NULL, appended_at INTEGER NOT NULL)",
    "INSERT INTO sequence SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM sequence)",
)

_IS_OWNED = "(partition_key = ? OR partition_key IS NULL)"
"""A publish of this partition key, or of nobody knows which."""

StoredRow = tuple[int, int, str, bytes, int]
"""offset, topic id, key, value, appended_at in microseconds."""


class Range(NamedTuple):
    """Offsets from ``start`` up to and without ``end``."""

    start: int
    end: int


class Step(NamedTuple):
    """A range of offsets that ends where a publish ends, and how many wanted records it holds."""

    start: int
    end: int
    records: int


def build(connection: sqlite3.Connection, topics: Sequence[str]) -> None:
    """Make what is missing of the log; raises LogError when the file is something else or newer."""
    check(connection)
    for statement in _SCHEMA:
        connection.execute(statement)
    if "partition_key" not in {row[1] for row in connection.execute("PRAGMA table_info(publish)")}:
        connection.execute("ALTER TABLE publish ADD COLUMN partition_key TEXT")
    connection.executemany("INSERT OR IGNORE INTO topic (name) VALUES (?)", [(topic,) for topic in topics])
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={LOG_VERSION}")


def check(connection: sqlite3.Connection) -> None:
    """Raises LogError when the file is no log, or a newer one."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION_ID and not is_new:
        msg = f"{place(connection)} is an SQLite file, but no log of Bikewire; name another in BIKEWIRE_LOG."
        raise LogError(msg)
    if version > LOG_VERSION:
        msg = (
            f"{place(connection)} was written by a newer Bikewire (log version {version}, this one knows"
            f" {LOG_VERSION}); update Bikewire or name another log in BIKEWIRE_LOG."
        )
        raise LogError(msg)


def place(connection: sqlite3.Connection) -> str:
    """The path of the connection's file."""
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


def topic_ids(connection: sqlite3.Connection, topics: Sequence[str]) -> dict[str, int]:
    """The ids of the topics; raises LogError for one that was never created."""
    known: dict[str, int] = dict(connection.execute("SELECT name, id FROM topic"))
    for topic in topics:
        if topic not in known:
            msg = f"{place(connection)} has no topic {topic!r}; it has {', '.join(sorted(known)) or 'none'}."
            raise LogError(msg)
    return {topic: known[topic] for topic in topics}


def append(connection: sqlite3.Connection, partition_key: str, records: Sequence[LogRecord], now: int) -> None:
    """Append the records as one publish, within the caller's transaction."""
    ids = topic_ids(connection, sorted({record.topic for record in records}))
    first, newest = connection.execute("SELECT next, appended_at FROM sequence").fetchone()
    # The log's clock never goes back, so that instants find publishes by bisection.
    appended_at = max(now, newest)
    connection.executemany(
        "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
        [
            (offset, ids[record.topic], record.key, record.value, appended_at)
            for offset, record in enumerate(records, first)
        ],
    )
    end = first + len(records)
    connection.execute("INSERT INTO publish VALUES (?, ?, ?, ?)", (end - 1, first, appended_at, partition_key))
    connection.execute(
        "INSERT INTO content SELECT ?, topic, min(offset), max(offset), count(*) FROM record WHERE offset >= ?"
        " GROUP BY topic",
        (end - 1, first),
    )
    connection.execute(
        "UPDATE topic SET next = content.last + 1 FROM content WHERE content.publish = ? AND content.topic = topic.id",
        (end - 1,),
    )
    connection.execute("UPDATE sequence SET next = ?, appended_at = ?", (end, appended_at))


def end_offset(connection: sqlite3.Connection) -> int:
    """The offset after the log's last record."""
    return int(connection.execute("SELECT next FROM sequence").fetchone()[0])


def check_offsets(connection: sqlite3.Connection, offsets: Mapping[TopicPartition, int]) -> None:
    """Raises LogError when an offset lies beyond the log's end: it was taken from another log."""
    end = end_offset(connection)
    for (topic, _), offset in offsets.items():
        if offset > end:
            msg = (
                f"{place(connection)} ends at offset {end}, but its reader stands at {offset} of {topic}: this is"
                " not the log that it has read so far."
            )
            raise LogError(msg)


def end_offsets(connection: sqlite3.Connection, topics: Sequence[str]) -> dict[str, int]:
    """Of each topic the offset after its last record."""
    topic_ids(connection, topics)
    return {topic: next_ for topic, next_ in connection.execute("SELECT name, next FROM topic") if topic in topics}


def offsets_at(connection: sqlite3.Connection, topics: Sequence[str], instant: int) -> dict[str, int]:
    """Of each topic where its first publish at or after the instant begins, else its end."""
    # The ends come first: what is published in between then counts as not yet there.
    ends = end_offsets(connection, topics)
    found = connection.execute(
        "SELECT first FROM publish WHERE appended_at >= ? ORDER BY appended_at, last LIMIT 1", (instant,)
    ).fetchone()
    return {topic: min(end, found[0]) if found else end for topic, end in ends.items()}


def plan(
    connection: sqlite3.Connection,
    ranges: Mapping[int, Range],
    within: Range,
    records: int,
    partition_key: str | None = None,
) -> Iterator[Step]:
    """The records of each topic id in its range, all of them within ``within``, in steps of about so many records.

    A step holds whole publishes and at least one; only where a range begins or ends can it hold part of one. With a
    ``partition_key`` the publishes of others are not counted.
    """
    wanted = " OR ".join("(topic = ? AND first < ? AND last >= ?)" for _ in ranges)
    parameters = [value for topic, (start, end) in ranges.items() for value in (topic, end, start)]
    owned = f" AND EXISTS (SELECT * FROM publish WHERE publish.last = content.publish AND {_IS_OWNED})"
    owned, owner = ("", ()) if partition_key is None else (owned, (partition_key,))
    publishes = connection.execute(
        "SELECT publish, min(first), sum(records) FROM content"
        f" WHERE publish >= ? AND publish <= ? AND ({wanted}){owned} GROUP BY publish ORDER BY publish",
        (within.start, _last_publish(connection, within.end), *parameters, *owner),
    )
    step: Step | None = None
    for last, first, count in publishes:
        if step and step.records + count > records:
            yield step
            step = None
        # Starting where there is something wanted spares reading what lies before.
        start, before = (step.start, step.records) if step else (max(first, within.start), 0)
        step = Step(start, min(last + 1, within.end), before + count)
    if step:
        yield step


def _last_publish(connection: sqlite3.Connection, end: int) -> int:
    """The publish that holds the last offset below ``end``, by its last offset."""
    found = connection.execute("SELECT min(last) FROM publish WHERE last >= ?", (end - 1,)).fetchone()[0]
    return end if found is None else int(found)


def rows(
    connection: sqlite3.Connection, ranges: Mapping[int, Range], within: Range, partition_key: str | None = None
) -> sqlite3.Cursor:
    """The `StoredRow`s of each topic id in its range, all of them within ``within``, in log order.

    With a ``partition_key`` without those that are known to be of others.
    """
    bounds = " OR ".join("(topic = ? AND offset >= ? AND offset < ?)" for _ in ranges)
    parameters = [value for topic, wanted in ranges.items() for value in (topic, *wanted)]
    source = "record"
    owner: tuple[int | str, ...] = ()
    if partition_key is not None:
        # Publish by publish: of many systems' records those of one are a small part.
        source = (
            f"(SELECT first, last FROM publish WHERE last >= ? AND {_IS_OWNED})"
            " CROSS JOIN record ON offset BETWEEN first AND last"
        )
        owner = (within.start, partition_key)
    return connection.execute(
        f"SELECT offset, topic, key, value, appended_at FROM {source}"
        f" WHERE offset >= ? AND offset < ? AND ({bounds}) ORDER BY offset",
        (*owner, *within, *parameters),
    )


def retire(connection: sqlite3.Connection, before: int, consumed: Mapping[int, int], publishes: int) -> tuple[int, int]:
    """Delete up to so many publishes appended before the instant and wholly consumed, by topic id.

    Returns how many publishes and records went.
    """
    whens = " ".join("WHEN ? THEN ?" for _ in consumed)
    consumed_offset = f"CASE topic {whens} ELSE 0 END" if consumed else "0"
    parameters = [value for pair in consumed.items() for value in pair]
    found = connection.execute(
        "SELECT first, last FROM publish WHERE appended_at < ? AND NOT EXISTS (SELECT * FROM content"
        f" WHERE publish = publish.last AND {consumed_offset} <= content.last) ORDER BY last LIMIT ?",
        (before, *parameters, publishes),
    ).fetchall()
    connection.executemany("DELETE FROM record WHERE offset BETWEEN ? AND ?", found)
    connection.executemany("DELETE FROM content WHERE publish BETWEEN ? AND ?", found)
    connection.executemany("DELETE FROM publish WHERE last BETWEEN ? AND ?", found)
    return len(found), sum(last - first + 1 for first, last in found)
