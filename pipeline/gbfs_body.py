"""The body of a GBFS document: its envelope read, its lists taken apart entity by entity, sans I/O."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from pipeline.deviations import Action, Deviation, Rule, shown
from pipeline.gbfs_fields import Fields
from pipeline.gbfs_model import Document, Entity, Feed
from pipeline.ports import BikewireError

VERSION = re.compile(r"(1\.[01]|2\.[0-3]|3\.[01])(\b.*)?")
"""The versions of GBFS there are, with release candidates like 3.1-RC3."""

_FINE_FRACTION = re.compile(rb"T\d\d:\d\d:\d\d\.\d{4,}")


class DocumentRefused(BikewireError):
    """The body is no document of its feed; the text says why in one sentence, ``rule`` what it breaks."""

    def __init__(self, message: str, rule: Rule = Rule.ENVELOPE) -> None:
        super().__init__(message)
        self.rule = rule


class _Envelope(msgspec.Struct):
    data: msgspec.Raw
    last_updated: Any = None
    ttl: Any = None
    version: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_LISTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class Body:
    """A body whose envelope has been read; ``deviations`` grows while its entities are."""

    def __init__(self, feed: Feed, body: bytes) -> None:
        self.feed = feed
        self.deviations: list[Deviation] = []
        envelope = self._envelope(body)
        self._data = envelope.data
        self.version = None if envelope.version is None else str(envelope.version)
        self._is_version_1 = self.version is None or self.version.startswith("1.")
        fields = self.fields("", {"last_updated": envelope.last_updated, "ttl": envelope.ttl})
        self.last_updated = fields.instant("last_updated", is_required=True)
        self.ttl_seconds = fields.number("ttl", lowest=0)
        if envelope.ttl is None:
            fields.note("ttl", None, Rule.REQUIRED, Action.ASSUMED)
        self._judge_version(fields, envelope, body)

    def _judge_version(self, fields: Fields, envelope: _Envelope, body: bytes) -> None:
        # Version 1.0 has no such field.
        if self.version is None:
            return
        if not isinstance(envelope.version, str) or not VERSION.fullmatch(self.version):
            fields.note("version", envelope.version, Rule.VERSION_KNOWN, Action.KEPT)
        is_text = isinstance(envelope.last_updated, str)
        if self.last_updated is not None and is_text is not (self.version >= "3"):
            fields.note("last_updated", envelope.last_updated, Rule.TIME_FORM, Action.REPAIRED)
        if self.version >= "3" and (found := _FINE_FRACTION.search(body)):
            fields.note("a time", found[0].decode()[1:], Rule.TIME_FRACTION, Action.REPAIRED)

    def fields(self, entity: str, values: Mapping[str, object]) -> Fields:
        return Fields(self.feed, entity, values, self.deviations, is_version_1=self._is_version_1)

    def document(self, entities: tuple[Entity, ...]) -> Document[Entity]:
        return Document(
            self.feed, self.last_updated, self.ttl_seconds, entities, tuple(self.deviations), version=self.version
        )

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
            # Texts are decoded late, entity by entity: whether the whole is UTF-8 must be known now.
            body.decode()
            return _ENVELOPE.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            envelope = _ENVELOPE.decode(_strict_json(body, error))
            self.deviations.append(Deviation(self.feed, "", "", _brief(error), Rule.STRICT_JSON, Action.REPAIRED))
            return envelope


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
    surrogate pair, letters of another encoding, UTF-16. Raises DocumentRefused."""
    try:
        encoding = json.detect_encoding(body)
        is_utf8 = encoding.startswith("utf-8")
        text = body.decode(encoding, "replace" if is_utf8 else "strict").removeprefix("\ufeff")
        loose = json.loads(text, strict=False, parse_constant=lambda name: None, parse_float=_finite)
        return json.dumps(loose, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        raise _no_json(body, error) from error


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _no_json(body: bytes, error: Exception) -> DocumentRefused:
    start = body[:80].decode("utf-8", "replace").strip()
    if not body.strip():
        return DocumentRefused("The body is empty.", Rule.BODY_PRESENT)
    if start.startswith("<"):
        return DocumentRefused(f"The body is HTML or XML, not JSON: it begins with {shown(start)}.", Rule.BODY_IS_JSON)
    if "truncated" in str(error) or "unexpected end of data" in str(error):
        return DocumentRefused(f"The body is JSON that breaks off after {len(body)} bytes.", Rule.BODY_WHOLE)
    return DocumentRefused(f"The body is not JSON ({_brief(error)}): it begins with {shown(start)}.", Rule.BODY_IS_JSON)


def _brief(error: Exception) -> str:
    return str(error).rstrip(".")
