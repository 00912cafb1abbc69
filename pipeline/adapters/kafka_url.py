"""What a kafka:// URL says: kafka://host:port,host:port?partitions=3&replication=1&retention_days=7&prefix=bikewire."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from pipeline.settings import SettingsError

DEFAULT_PORT = 9092

_BROKER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]+)(:[0-9]{1,5})?")
_PREFIX = re.compile(r"[a-zA-Z0-9._-]{0,100}")


class KafkaPlace(NamedTuple):
    """The brokers, and how topics are made that are not there yet; their names begin with ``prefix``."""

    bootstrap: str
    partitions: int = 3
    replication: int = 1
    retention_days: float = 7
    prefix: str = ""

    def topic(self, name: str) -> str:
        """A topic's name in Kafka."""
        return f"{self.prefix}{name}"


_NUMBERS = {"partitions": int, "replication": int, "retention_days": float}


def read_place(rest: str) -> KafkaPlace:
    """The place that the URL's text after ``kafka://`` names; raises SettingsError."""
    brokers, _, query = rest.partition("?")
    hosts = [_broker(host.strip()) for host in brokers.strip("/").split(",") if host.strip()]
    if not hosts:
        msg = "BIKEWIRE_LOG: kafka:// names no broker; use kafka://HOST:PORT,HOST:PORT."
        raise SettingsError(msg)
    options = parse_qsl(query, keep_blank_values=True)
    return KafkaPlace(",".join(hosts), **dict(_option(name, text) for name, text in options))  # type: ignore[arg-type]


def _broker(text: str) -> str:
    if not _BROKER.fullmatch(text):
        msg = f"BIKEWIRE_LOG: {text!r} is no broker; use kafka://HOST:PORT,HOST:PORT."
        raise SettingsError(msg)
    return text if re.search(r":[0-9]+$", text) and not text.endswith("]") else f"{text}:{DEFAULT_PORT}"


def _option(name: str, text: str) -> tuple[str, float | str]:
    if name == "prefix":
        return name, _prefix(text)
    if name not in _NUMBERS:
        msg = f"BIKEWIRE_LOG: {name!r} is no option of kafka://; there are {', '.join(_NUMBERS)} and prefix."
        raise SettingsError(msg)
    try:
        number = _NUMBERS[name](text)
    except ValueError as error:
        msg = f"BIKEWIRE_LOG: {name} is {text!r}, which is not the number that it has to be."
        raise SettingsError(msg) from error
    if not 0 < number < 1e6:
        msg = f"BIKEWIRE_LOG: {name} is {text}; it must be greater than 0 and less than a million."
        raise SettingsError(msg)
    return name, number


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        msg = f"BIKEWIRE_LOG: prefix is {text!r}; topics have letters, digits, '.', '_' and '-' in their names."
        raise SettingsError(msg)
    return text
