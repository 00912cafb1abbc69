"""Deviations: where a feed departs from GBFS, what its value was, and what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum, StrEnum

import msgspec

SHOWN_CHARACTERS = 60
"""How much of an offending value a deviation quotes."""


class Rule(StrEnum):
    """A rule of GBFS (or of plain sense) that a feed broke; the name is what is counted."""

    BODY_PRESENT = "body_present"
    BODY_IS_JSON = "body_is_json"
    BODY_WHOLE = "body_whole"
    BODY_SIZE = "body_size"
    STRICT_JSON = "strict_json"
    ENVELOPE = "envelope"
    VERSION_KNOWN = "version_known"
    VERSION_STABLE = "version_stable"
    OBJECT = "object"
    ID_PRESENT = "id_present"
    ID_IS_TEXT = "id_is_text"
    ID_UNIQUE = "id_unique"
    ID_DECLARED = "id_declared"
    ID_REPORTED = "id_reported"
    ID_STABLE = "id_stable"
    STATION_STEADY = "station_steady"
    REQUIRED = "required"
    TYPE = "type"
    FLAG_IS_BOOLEAN = "flag_is_boolean"
    COUNT_RANGE = "count_range"
    COUNT_SENTINEL = "count_sentinel"
    BREAKDOWN = "breakdown"
    CAPACITY = "capacity"
    DOCKS = "docks"
    NUMBER_RANGE = "number_range"
    TTL = "ttl"
    TIME_READABLE = "time_readable"
    TIME_SENTINEL = "time_sentinel"
    TIME_IN_SECONDS = "time_in_seconds"
    TIME_FORM = "time_form"
    TIME_FRACTION = "time_fraction"
    TIME_HAS_OFFSET = "time_has_offset"
    TIME_NOT_AHEAD = "time_not_ahead"
    TIME_FORWARD = "time_forward"
    TIME_MOVES = "time_moves"
    TIME_OF_STATION = "time_of_station"
    TEXT_TRIMMED = "text_trimmed"
    TEXT_DECODED = "text_decoded"
    POSITION = "position"
    AREA = "area"
    TIME_ZONE = "time_zone"
    URL = "url"


EXPLANATION: dict[Rule, str] = {
    Rule.BODY_PRESENT: "a body is not empty",
    Rule.BODY_IS_JSON: "a body is JSON",
    Rule.BODY_WHOLE: "a body is whole",
    Rule.BODY_SIZE: "a body ends",
    Rule.STRICT_JSON: "a document is strict JSON in UTF-8",
    Rule.ENVELOPE: "a document has the shape of its feed",
    Rule.VERSION_KNOWN: "a document names a version of GBFS",
    Rule.VERSION_STABLE: "a feed keeps its version",
    Rule.OBJECT: "an entity is a JSON object",
    Rule.ID_PRESENT: "an entity has an id",
    Rule.ID_IS_TEXT: "an id is text",
    Rule.ID_UNIQUE: "an id occurs once in a document",
    Rule.ID_DECLARED: "station_information declares every station of station_status",
    Rule.ID_REPORTED: "station_status tells of every declared station",
    Rule.ID_STABLE: "a system keeps its id",
    Rule.STATION_STEADY: "a station does not go and come back",
    Rule.REQUIRED: "the field is required",
    Rule.TYPE: "the field has another type",
    Rule.FLAG_IS_BOOLEAN: "a flag is true or false",
    Rule.COUNT_RANGE: "a count is not negative",
    Rule.COUNT_SENTINEL: "a count is no placeholder",
    Rule.BREAKDOWN: "the counts by type add up to the count",
    Rule.CAPACITY: "a station that is not virtual holds some vehicles, and says how many",
    Rule.DOCKS: "a station that is not virtual says how many docks are free",
    Rule.NUMBER_RANGE: "the number is out of its range",
    Rule.TTL: "ttl is when the next update is due, within five minutes for what changes by the minute",
    Rule.TIME_READABLE: "a time is POSIX seconds or RFC 3339",
    Rule.TIME_SENTINEL: "a time lies after the year 2000",
    Rule.TIME_IN_SECONDS: "a POSIX time is in whole seconds, not milliseconds",
    Rule.TIME_FORM: "a time is POSIX seconds before version 3.0 and RFC 3339 since",
    Rule.TIME_FRACTION: "a time is no finer than milliseconds",
    Rule.TIME_HAS_OFFSET: "a time names its offset from UTC",
    Rule.TIME_NOT_AHEAD: "a time is not in the future",
    Rule.TIME_FORWARD: "last_updated does not go back",
    Rule.TIME_MOVES: "last_updated moves when the document changes",
    Rule.TIME_OF_STATION: "last_reported is each station's own",
    Rule.TEXT_TRIMMED: "a text has no blanks around it",
    Rule.TEXT_DECODED: "a text is not URL-encoded",
    Rule.POSITION: "a position is a latitude and a longitude, and not 0, 0",
    Rule.AREA: "an area is a GeoJSON MultiPolygon",
    Rule.TIME_ZONE: "a time zone is a name of the IANA database",
    Rule.URL: "a feed has an http(s) URL",
}


class Harm(IntEnum):
    """What a deviation costs whoever reads the feed, worst last."""

    NUISANCE = 1
    DOUBT = 2
    LOSS = 3


class Action(StrEnum):
    """What was done; the value ends the deviation's sentence."""

    REFUSED = "left out"
    UNKNOWN = "taken as unknown"
    REPAIRED = "repaired"
    ASSUMED = "a default was assumed"
    KEPT = "kept"


HARMLESS = frozenset({Rule.TTL, Rule.CAPACITY, Rule.TIME_OF_STATION, Rule.VERSION_KNOWN})
"""Breaking these leaves no figure of Bikewire's in doubt."""


class Deviation(msgspec.Struct, frozen=True):
    """``entity`` is the id of a station or vehicle ('#3' is the fourth in the list, '' the document)."""

    feed: str
    entity: str
    field: str
    value: str
    rule: Rule
    action: Action

    @property
    def harm(self) -> Harm:
        """Left out is lost; what was repaired, or does not matter, costs nothing; all else is in doubt."""
        if self.action is Action.REFUSED:
            return Harm.LOSS
        return Harm.NUISANCE if self.action is Action.REPAIRED or self.rule in HARMLESS else Harm.DOUBT

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
