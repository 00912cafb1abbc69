"""GBFS documents, made small for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When the tests' documents were last updated, unless they say otherwise."""

Json = dict[str, Any]


def document(data: object, last_updated: datetime | None = NOON, ttl: object = 60, version: str = "2.3") -> Json:
    """The envelope around ``data``; without ``last_updated`` when that is None."""
    updated: object = None if last_updated is None else int(last_updated.timestamp())
    if last_updated is not None and version >= "3":
        updated = last_updated.isoformat()
    envelope = {"last_updated": updated, "ttl": ttl, "version": version, "data": data}
    return {name: value for name, value in envelope.items() if value is not None}


def body(data: object, last_updated: datetime | None = NOON, ttl: object = 60, version: str = "2.3") -> bytes:
    """The document as a server sends it."""
    return json.dumps(document(data, last_updated, ttl, version), separators=(",", ":")).encode()


def status(station_id: object, bikes: object = 3, docks: object = 7, **fields: object) -> Json:
    """A station of station_status that keeps every rule, changed by ``fields``."""
    return {
        "station_id": station_id,
        "num_bikes_available": bikes,
        "num_docks_available": docks,
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "last_reported": int(NOON.timestamp()),
        **fields,
    }


def station(station_id: object, name: object = "Harbour", **fields: object) -> Json:
    """A station of station_information that keeps every rule, changed by ``fields``."""
    return {"station_id": station_id, "name": name, "lat": 48.38, "lon": -4.49, "capacity": 10, **fields}


def vehicle(vehicle_id: object, **fields: object) -> Json:
    """A vehicle of free_bike_status that keeps every rule, changed by ``fields``."""
    return {
        "bike_id": vehicle_id,
        "lat": 48.39,
        "lon": -4.48,
        "is_reserved": False,
        "is_disabled": False,
        **fields,
    }


def statuses(*stations: object) -> Json:
    return {"stations": list(stations)}


def system(system_id: object = "harbour", **fields: object) -> Json:
    return {"system_id": system_id, "name": "Harbour Bikes", "language": "fr", "timezone": "Europe/Paris", **fields}


def links(base: str, feeds: Sequence[str]) -> Json:
    """The data of a gbfs.json before 3.0, in English, for feeds at ``base``/FEED.json."""
    return {"en": {"feeds": [{"name": feed, "url": f"{base}/{feed}.json"} for feed in feeds]}}


def without(values: Mapping[str, Any], *names: str) -> Json:
    return {name: value for name, value in values.items() if name not in names}
