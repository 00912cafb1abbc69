"""Deviations: where a feed departs from GBFS, what its value was, and what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

SHOWN_CHARACTERS = 60
"""How much of an offending value a deviation quotes."""


class Rule(StrEnum):
    """A rule of GBFS (or of plain sense) that a feed broke; the name is what is counted."""

    STRICT_JSON = "strict_json"
    OBJECT = "object"
    ID_PRESENT = "id_present"
    ID_IS_TEXT = "id_is_text"
    ID_UNIQUE = "id_unique"
    ID_DECLARED = "id_declared"
    ID_STABLE = "id_stable"
    REQUIRED = "required"
    TYPE = "type"
    FLAG_IS_BOOLEAN = "flag_is_boolean"
    COUNT_RANGE = "count_range"
    COUNT_SENTINEL = "count_sentinel"
    NUMBER_RANGE = "number_range"
    TIME_READABLE = "time_readable"
    TIME_SENTINEL = "time_sentinel"
    TIME_IN_SECONDS = "time_in_seconds"
    TIME_HAS_OFFSET = "time_has_offset"
    TIME_NOT_AHEAD = "time_not_ahead"
    TEXT_TRIMMED = "text_trimmed"
    TEXT_DECODED = "text_decoded"
    POSITION = "position"
    TIME_ZONE = "time_zone"
    URL = "url"


EXPLANATION: dict[Rule, str] = {
    Rule.STRICT_JSON: "a document is strict JSON in UTF-8",
    Rule.OBJECT: "an entity is a JSON object",
    Rule.ID_PRESENT: "an entity has an id",
    Rule.ID_IS_TEXT: "an id is text",
    Rule.ID_UNIQUE: "an id occurs once in a document",
    Rule.ID_DECLARED: "station_information declares every station of station_status",
    Rule.ID_STABLE: "a system keeps its id",
    Rule.REQUIRED: "the field is required",
    Rule.TYPE: "the field has another type",
    Rule.FLAG_IS_BOOLEAN: "a flag is true or false",
    Rule.COUNT_RANGE: "a count is not negative",
    Rule.COUNT_SENTINEL: "a count is no placeholder",
    Rule.NUMBER_RANGE: "the number is out of its range",
    Rule.TIME_READABLE: "a time is POSIX seconds or RFC 3339",
    Rule.TIME_SENTINEL: "a time lies after the year 2000",
    Rule.TIME_IN_SECONDS: "a POSIX time is in seconds, not milliseconds",
    Rule.TIME_HAS_OFFSET: "a time names its offset from UTC",
    Rule.TIME_NOT_AHEAD: "last_updated is not in the future",
    Rule.TEXT_TRIMMED: "a text has no blanks around it",
    Rule.TEXT_DECODED: "a text is not URL-encoded",
    Rule.POSITION: "a position is a latitude and a longitude, and not 0, 0",
    Rule.TIME_ZONE: "a time zone is a name of the IANA database",
    Rule.URL: "a feed has an http(s) URL",
}


class Action(StrEnum):
    """What was done; the value ends the deviation's sentence."""

    REFUSED = "left out"
    UNKNOWN = "taken as unknown"
    REPAIRED = "repaired"
    ASSUMED = "a default was assumed"
    KEPT = "kept"


class Deviation(msgspec.Struct, frozen=True):
    """``entity`` is the id of a station or vehicle ('#3' is the fourth in the list, '' the document)."""

    feed: str
    entity: str
    field: str
    value: str
    rule: Rule
    action: Action

    @property
    def sentence(self) -> str:
        place = " ".join(part for part in (self.feed, self.entity) if part)
        subject = f"{self.field} is {self.value}" if self.field else self.value
        return f"{place}: {subject}; {EXPLANATION[self.rule]}; {self.action}."


def shown(value: object) -> str:
    """The value as a deviation quotes it: its repr, cut to a readable length."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def summary(deviations: Iterable[Deviation]) -> str | None:
    """JSON text ``{rule: {"count": n, "example": sentence}}``; None when there are none."""
    noted = list(deviations)
    if not noted:
        return None
    counts = Counter(deviation.rule for deviation in noted)
    # The first of each rule is the example; a later one overwrites, so walk backwards.
    examples = {deviation.rule: deviation for deviation in reversed(noted)}
    by_rule = {rule.value: {"count": counts[rule], "example": examples[rule].sentence} for rule in counts}
    return msgspec.json.encode(by_rule).decode()
