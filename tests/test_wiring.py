"""From a URL to an adapter, and what is said of a URL that names none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.settings import SettingsError
from pipeline.wiring import open_log, open_store


@pytest.mark.parametrize(
    ("url", "engine"),
    [("sqlite:///a.sqlite", "SqliteStore"), ("cassandra://127.0.0.1/bikewire", "CassandraStore")],
)
def test_the_scheme_names_the_store(url: str, engine: str) -> None:
    assert type(open_store(url)).__name__ == engine


def test_a_store_that_nobody_knows_is_refused_and_all_that_there_are_are_named() -> None:
    with pytest.raises(SettingsError) as refusal:
        open_store("mysql://a/b")
    assert str(refusal.value) == (
        "BIKEWIRE_STORE: 'mysql://a/b' names no store that Bikewire knows; use sqlite:///PATH or"
        " cassandra://HOST[:PORT],HOST/KEYSPACE."
    )


def test_a_log_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^BIKEWIRE_LOG: 'amqp://a' names no log that Bikewire knows; use sqlite:"):
        open_log("amqp://a")


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^BIKEWIRE_STORE: 'a\.sqlite' is not a URL; use .* or cassandra://"):
        open_store("a.sqlite")
    with pytest.raises(SettingsError, match=r"^BIKEWIRE_LOG: 'a\.sqlite' is not a URL; use sqlite:///PATH or kafka://"):
        open_log("a.sqlite")


def test_only_the_engine_that_is_named_is_imported() -> None:
    program = (
        "import sys; from pipeline.wiring import open_store; open_store('sqlite:///a.sqlite');"
        " sys.exit('cassandra' in sys.modules or 'aiokafka' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
