"""GBFS documents of any version (1.0 to 3.1) read into one model, sans I/O.

Each `read_*` takes a body as the server sent it and returns a `Document`: what it says and, as typed
deviations, all that was repaired or left out. A malformed entity costs only itself; a body that is no document
of the feed at all raises DocumentRefused. No version of GBFS is visible to the callers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from pipeline.deviations import Action, Deviation, Rule, shown
from pipeline.gbfs_entities import (
    lenient_station,
    lenient_status,
    lenient_system,
    lenient_vehicle,
    strict_status,
    strict_vehicle,
)
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import Document, Entity, Feed, Link, Station, Status, System, Vehicle
from pipeline.ports import BikewireError

Languages = tuple[str, ...]


class DocumentRefused(BikewireError):
    """The body is no document of its feed; the text says why in one sentence."""


def read_discovery(body: bytes, url: str, languages: Languages = ()) -> Document[Link]:
    """The links of a gbfs.json that was fetched from ``url``.

    Where it lists feeds by language (before 3.0): in the first of ``languages`` that it has, else in the one
    that is part of ``url``, else in its first.
    """
    document = _Body(Feed.DISCOVERY, body)
    data = document.object()
    listed = data.get("feeds")
    if not isinstance(listed, list):
        listed = _feeds_by_language(data, (*languages, *urlsplit(url).path.split("/")))
    links = {link.feed: link for entry in reversed(listed) if (link := _link(document, entry, url))}
    if not links:
        msg = "The discovery document lists no feed that Bikewire reads."
        raise DocumentRefused(msg)
    return document.document(tuple(reversed(links.values())))


def read_system(body: bytes, languages: Languages = ()) -> Document[System]:
    """The one system of a system_information document."""
    document = _Body(Feed.SYSTEM_INFORMATION, body)
    return document.document((lenient_system(document.fields("", document.object()), languages),))


def read_stations(body: bytes, languages: Languages = ()) -> Document[Station]:
    """The stations that a station_information document declares."""
    return _Body(Feed.STATION_INFORMATION, body).read(
        ("stations",), ("station_id",), lambda raw: None, lambda fields: lenient_station(fields, languages)
    )


def read_statuses(body: bytes) -> Document[Status]:
    """The stations' counts and flags in a station_status document."""
    return _Body(Feed.STATION_STATUS, body).read(("stations",), ("station_id",), strict_status, lenient_status)


def read_vehicles(body: bytes) -> Document[Vehicle]:
    """The vehicles of a vehicle_status or free_bike_status document."""
    return _Body(Feed.VEHICLE_STATUS, body).read(
        ("vehicles", "bikes"), ("vehicle_id", "bike_id"), strict_vehicle, lenient_vehicle
    )


class _Envelope(msgspec.Struct):
    data: msgspec.Raw
    last_updated: Any = None
    ttl: Any = None
    version: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_LISTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class _Body:
    """A body whose envelope has been read; ``deviations`` grows while its entities are."""

    def __init__(self, feed: Feed, body: bytes) -> None:
        self.feed = feed
        self.deviations: list[Deviation] = []
        envelope = self._envelope(body)
        self._data = envelope.data
        version = envelope.version
        self._is_version_1 = version is None or str(version).startswith("1.")
        values = {"last_updated": envelope.last_updated, "ttl": envelope.ttl}
        fields = self.fields("", values)
        self.last_updated = fields.instant("last_updated", is_required=True)
        self.ttl_seconds = fields.number("ttl", lowest=0)

    def fields(self, entity: str, values: Mapping[str, object]) -> Fields:
        return Fields(self.feed, entity, values, self.deviations, is_version_1=self._is_version_1)

    def document(self, entities: tuple[Entity, ...]) -> Document[Entity]:
        return Document(self.feed, self.last_updated, self.ttl_seconds, entities, tuple(self.deviations))

    def object(self) -> dict[str, object]:
        """The document's data as an object."""
        data = _loose(self._data)
        if not isinstance(data, dict):
            msg = f"The document is no {self.feed}: data is {shown(data)}, not an object."
            raise DocumentRefused(msg)
        return data

    def read(
        self,
        lists: tuple[str, ...],
        ids: tuple[str, ...],
        strict: Callable[[msgspec.Raw], Entity | None],
        lenient: Callable[[Fields], Entity | None],
    ) -> Document[Entity]:
        """The entities of the first of ``lists`` that the document has, each id once: the first of two stays."""
        identify = attrgetter(ids[0])
        entities: dict[str, Entity] = {}
        for index, raw in enumerate(self._list(lists)):
            entity = strict(raw) or self._lenient(index, raw, ids, lenient)
            if entity is None:
                continue
            if (entity_id := identify(entity)) in entities:
                self._refuse(entity_id, "the entity", Rule.ID_UNIQUE)
            else:
                entities[entity_id] = entity
        return self.document(tuple(entities.values()))

    def _lenient(
        self, index: int, raw: msgspec.Raw, ids: tuple[str, ...], lenient: Callable[[Fields], Entity | None]
    ) -> Entity | None:
        place = f"#{index}"
        values = _loose(raw)
        if not isinstance(values, dict):
            self._refuse(place, shown(values), Rule.OBJECT)
            return None
        name = next((values[name] for name in ids if values.get(name) not in (None, "")), None)
        if isinstance(name, str | int) and not isinstance(name, bool):
            place = str(name)
        known = len(self.deviations)
        entity = lenient(self.fields(place, values))
        if entity is None and all(noted.action is not Action.REFUSED for noted in self.deviations[known:]):
            self._refuse(place, shown(values), Rule.ID_PRESENT)
        return entity

    def _refuse(self, place: str, what: str, rule: Rule) -> None:
        self.deviations.append(Deviation(self.feed, place, "", what, rule, Action.REFUSED))

    def _list(self, lists: tuple[str, ...]) -> list[msgspec.Raw]:
        try:
            data = _LISTS.decode(self._data)
            name = next((name for name in lists if name in data), None)
            if name is None:
                msg = f"The document is no {self.feed}: data.{lists[0]} is missing."
                raise DocumentRefused(msg)
            return _LIST.decode(data[name])
        except (msgspec.MsgspecError, RecursionError) as error:
            msg = f"The document is no {self.feed}: {_brief(error)} in data.{lists[0]}."
            raise DocumentRefused(msg) from error

    def _envelope(self, body: bytes) -> _Envelope:
        try:
            return self._decoded(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            msg = f"The document is no {self.feed}: {_brief(error)}."
            raise DocumentRefused(msg) from error

    def _decoded(self, body: bytes) -> _Envelope:
        try:
            return _ENVELOPE.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            envelope = _ENVELOPE.decode(_strict_json(body, error))
            self.deviations.append(Deviation(self.feed, "", "", _brief(error), Rule.STRICT_JSON, Action.REPAIRED))
            return envelope


def _feeds_by_language(data: Mapping[str, object], languages: Languages) -> list[object]:
    by_language: dict[str, list[object]] = {
        language.lower(): found["feeds"]
        for language, found in data.items()
        if isinstance(found, dict) and isinstance(found.get("feeds"), list)
    }
    if not by_language:
        msg = "The document is no gbfs: it has neither data.feeds nor data.<language>.feeds."
        raise DocumentRefused(msg)
    chosen = next((name.lower() for name in languages if name.lower() in by_language), next(iter(by_language)))
    return by_language[chosen]


def _link(document: _Body, entry: object, base: str) -> Link | None:
    values = entry if isinstance(entry, dict) else {}
    feed = Feed.named(values.get("name"))
    if feed is None or feed is Feed.DISCOVERY:
        return None
    try:
        url = urljoin(base, str(values.get("url")).strip())
        is_usable = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        is_usable = False
    if not is_usable or not isinstance(values.get("url"), str):
        document.fields(feed, values).note("url", values.get("url"), Rule.URL, Action.REFUSED)
        return None
    return Link(feed, url)


def _loose(raw: msgspec.Raw) -> object:
    """The JSON as Python values; halves of surrogate pairs and the like are let through. None if nothing helps."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        try:
            return json.loads(bytes(raw), strict=False)
        except (ValueError, RecursionError):
            return None


def _strict_json(body: bytes, error: Exception) -> bytes:
    """The body as strict JSON, if it is nearly that: NaN, a byte order mark, control characters, half a
    surrogate pair, UTF-16. Raises DocumentRefused."""
    try:
        text = body.decode(json.detect_encoding(body)).removeprefix("\ufeff")
        loose = json.loads(text, strict=False, parse_constant=lambda name: None, parse_float=_finite)
        return json.dumps(loose, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        raise DocumentRefused(_no_json(body, error)) from error


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _no_json(body: bytes, error: Exception) -> str:
    start = body[:80].decode("utf-8", "replace").strip()
    if not body.strip():
        return "The body is empty."
    if start.startswith("<"):
        return f"The body is HTML or XML, not JSON: it begins with {shown(start)}."
    if "truncated" in str(error):
        return f"The body is JSON that breaks off after {len(body)} bytes."
    return f"The body is not JSON ({_brief(error)}): it begins with {shown(start)}."


def _brief(error: Exception) -> str:
    return str(error).rstrip(".")
