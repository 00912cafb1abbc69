"""From a URL to an adapter: the scheme names the engine, and only that engine is imported."""

from __future__ import annotations

from pathlib import Path

from pipeline.ports import Log, Store
from pipeline.settings import SettingsError

LOGS = "sqlite:///PATH or kafka://HOST:PORT,HOST:PORT"
STORES = "sqlite:///PATH or cassandra://HOST[:PORT],HOST/KEYSPACE"


def open_log(url: str, publisher: str | None = None) -> Log:
    """The log behind the URL; nothing is created or connected yet.

    ``publisher`` is the role in which this process publishes, of which the log allows one process at a time where its
    engine can tell (PublisherFenced); None publishes beside everybody else.
    """
    scheme, place = _split(url, "BIKEWIRE_LOG")
    if scheme == "sqlite":
        from pipeline.adapters.sqlite_log import SqliteLog

        return SqliteLog(place)
    if scheme == "kafka":
        from pipeline.adapters.kafka_log import KafkaLog

        return KafkaLog(place, publisher)
    msg = f"BIKEWIRE_LOG: {url!r} names no log that Bikewire knows; use {LOGS}."
    raise SettingsError(msg)


def open_store(url: str) -> Store:
    """The store behind the URL; nothing is created or connected yet."""
    scheme, place = _split(url, "BIKEWIRE_STORE")
    if scheme == "sqlite":
        from pipeline.adapters.sqlite_store import SqliteStore

        return SqliteStore(place)
    if scheme == "cassandra":
        from pipeline.adapters.cassandra_store import CassandraStore

        return CassandraStore(place)
    msg = f"BIKEWIRE_STORE: {url!r} names no store that Bikewire knows; use {STORES}."
    raise SettingsError(msg)


def local_file(url: str) -> Path | None:
    """The file of a sqlite:// URL; None where the engine is another."""
    scheme, _, rest = url.partition("://")
    return Path(rest.removeprefix("/")).absolute() if scheme == "sqlite" else None


def is_open_elsewhere(file: Path) -> bool:
    """Whether any process has the file of a log or a store open."""
    from pipeline.adapters import sqlite

    return sqlite.is_open_elsewhere(file)


def _split(url: str, setting: str) -> tuple[str, str]:
    scheme, separator, rest = url.partition("://")
    if not separator:
        msg = f"{setting}: {url!r} is not a URL; use {LOGS if setting == 'BIKEWIRE_LOG' else STORES}."
        raise SettingsError(msg)
    # As in SQLAlchemy: sqlite:///relative/path, sqlite:////absolute/path.
    return scheme, rest.removeprefix("/")
