"""What a cassandra:// URL says, and what is refused in it."""

from __future__ import annotations

import pytest

from pipeline.adapters.cassandra_url import CassandraPlace, read_place
from pipeline.settings import SettingsError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1/bikewire", CassandraPlace(("127.0.0.1",), 9042, "bikewire", "dc1")),
        ("a.example:9043,b-2:9043/k_1?dc=paris", CassandraPlace(("a.example", "b-2"), 9043, "k_1", "paris")),
        ("[::1]:9142/bikewire", CassandraPlace(("::1",), 9142, "bikewire", "dc1")),
        ("a,b,/bikewire?", CassandraPlace(("a", "b"), 9042, "bikewire", "dc1")),
    ],
)
def test_hosts_port_keyspace_and_data_centre_are_read(text: str, place: CassandraPlace) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/bikewire", "it names no node"),
        ("a", "'' is no keyspace (small letters, digits and _, 48 at most)"),
        ("a/Bike-wire", "'Bike-wire' is no keyspace (small letters, digits and _, 48 at most)"),
        ("a:9042,b:9043/bikewire", "all nodes of a cluster answer on one port"),
        ("a:0/bikewire", "0 is no port"),
        ("a:x/bikewire", "'a:x' is no host"),
        ("user@a/bikewire", "'user@a' is no host"),
        ("a/bikewire?rf=3", "'rf' is no option; there is dc"),
        ("a/bikewire?dc=", "'' is no data centre"),
    ],
)
def test_a_wrong_url_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_place(text)
    assert str(refusal.value) == f"BIKEWIRE_STORE: {reason}; use cassandra://HOST[:PORT],HOST/KEYSPACE[?dc=dc1]."


def test_a_place_is_named_by_its_url() -> None:
    assert str(read_place("a,b:9042/bikewire")) == "cassandra://a:9042,b:9042/bikewire"
