"""What a cassandra:// URL says: cassandra://host[:port],host/keyspace[?dc=dc1]"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from pipeline.settings import SettingsError

DEFAULT_PORT = 9042
DEFAULT_DATACENTER = "dc1"
EXAMPLE = "cassandra://HOST[:PORT],HOST/KEYSPACE[?dc=dc1]"

_HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]"
# Cassandra's own rule, without the capitals that would have to be quoted in every tool.
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,47}")


class CassandraPlace(NamedTuple):
    """Nodes to ask first, their one port, the keyspace, and the data centre that is near."""

    hosts: tuple[str, ...]
    port: int
    keyspace: str
    datacenter: str

    def __str__(self) -> str:
        return f"cassandra://{','.join(f'{host}:{self.port}' for host in self.hosts)}/{self.keyspace}"


def read_place(rest: str) -> CassandraPlace:
    """The place that the URL's text after ``cassandra://`` names; raises SettingsError."""
    nodes, _, path = rest.partition("/")
    keyspace, _, query = path.partition("?")
    named = [_node(text) for text in nodes.split(",") if text]
    ports = {port for _, port in named}
    _rule(bool(named), "it names no node")
    _rule(len(ports) == 1, "all nodes of a cluster answer on one port")
    is_keyspace = _KEYSPACE.fullmatch(keyspace) is not None
    _rule(is_keyspace, f"{keyspace!r} is no keyspace (small letters, digits and _, 48 at most)")
    return CassandraPlace(tuple(host for host, _ in named), ports.pop(), keyspace, _datacenter(query))


def _node(text: str) -> tuple[str, int]:
    found = re.match(rf"({_HOST})(?::(\d+))?$", text)
    if not found:
        msg = f"BIKEWIRE_STORE: {text!r} is no host; use {EXAMPLE}."
        raise SettingsError(msg)
    port = int(found[2] or DEFAULT_PORT)
    _rule(0 < port < 65536, f"{port} is no port")
    return found[1].strip("[]"), port


def _datacenter(query: str) -> str:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        _rule(option == "dc", f"{option!r} is no option; there is dc")
    datacenter = options.get("dc", DEFAULT_DATACENTER)
    _rule(re.fullmatch(r"[A-Za-z0-9_.-]+", datacenter) is not None, f"{datacenter!r} is no data centre")
    return datacenter


def _rule(is_kept: bool, reason: str) -> None:
    if not is_kept:
        msg = f"BIKEWIRE_STORE: {reason}; use {EXAMPLE}."
        raise SettingsError(msg)
