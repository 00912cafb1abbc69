"""What a kafka:// URL says: kafka://host:port,host:port?partitions=3&replication=1&retention_days=7"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from pipeline.settings import SettingsError

DEFAULT_PORT = 9092


class KafkaPlace(NamedTuple):
    """The brokers, and how topics are made that are not there yet."""

    bootstrap: str
    partitions: int = 3
    replication: int = 1
    retention_days: float = 7


_NUMBERS = {"partitions": int, "replication": int, "retention_days": float}


def read_place(rest: str) -> KafkaPlace:
    """The place that the URL's text after ``kafka://`` names; raises SettingsError."""
    brokers, _, query = rest.partition("?")
    hosts = [host if ":" in host else f"{host}:{DEFAULT_PORT}" for host in brokers.strip("/").split(",") if host]
    if not hosts:
        msg = "BIKEWIRE_LOG: kafka:// names no broker; use kafka://HOST:PORT."
        raise SettingsError(msg)
    return KafkaPlace(",".join(hosts), **dict(_number(name, text) for name, text in parse_qsl(query)))  # type: ignore[arg-type]


def _number(name: str, text: str) -> tuple[str, float]:
    try:
        number = _NUMBERS[name](text)
    except KeyError as error:
        msg = f"BIKEWIRE_LOG: {name!r} is no option of kafka://; there are {', '.join(_NUMBERS)}."
        raise SettingsError(msg) from error
    except ValueError as error:
        msg = f"BIKEWIRE_LOG: {name} is {text!r}, which is no number."
        raise SettingsError(msg) from error
    if number <= 0:
        msg = f"BIKEWIRE_LOG: {name} is {text}; it must be greater than 0."
        raise SettingsError(msg)
    return name, number
