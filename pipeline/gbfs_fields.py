"""One entity's fields, read leniently: a value is taken, repaired or given up, and every repair is noted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_plus

from pipeline.deviations import Action, Deviation, Rule, shown
from pipeline.model import milliseconds

PLACEHOLDERS = (999, 9999)
COUNT_LIMIT = 10_000
"""Feeds that don't know a count write 999, 9999, 2147483647 …; no station holds ten thousand."""

EARLIEST = 946_684_800
"""2000-01-01T00:00Z: earlier times (0, 86400, negative ones) are placeholders."""

LATEST = 32_503_680_000
"""The year 3000 in POSIX seconds; what lies beyond is in milliseconds, or no time at all."""

FLAG_TEXTS = {"true": True, "false": False, "1": True, "0": False}

_URL_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")


@lru_cache(maxsize=4096)
def posix(seconds: int) -> datetime:
    """The instant; the many stations of one feed share few of them, hence the cache."""
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(text: str) -> datetime | None:
    """The time in a text, aware or not; None when there is none. A fraction may have any number of digits."""
    # fromisoformat takes date-only texts too, which name no instant.
    if len(text) < 16:
        return None
    try:
        return datetime.fromisoformat(_FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text.upper()))
    except ValueError:
        return None


class Fields:
    """The fields of one JSON object; ``is_version_1`` admits flags written as 0 and 1."""

    def __init__(
        self,
        feed: str,
        entity: str,
        values: Mapping[str, object],
        deviations: list[Deviation],
        *,
        is_version_1: bool = False,
    ) -> None:
        self.feed = feed
        self.entity = entity
        self.values = values
        self.deviations = deviations
        self._is_version_1 = is_version_1

    def note(self, field: str, value: object, rule: Rule, action: Action) -> None:
        self.deviations.append(Deviation(self.feed, self.entity, field, shown(value), rule, action))

    def first(self, *names: str) -> tuple[str, object]:
        """The first of the fields that is there and not null, else the first name with None."""
        for name in names:
            if (value := self.values.get(name)) is not None:
                return name, value
        return names[0], None

    def identifier(self, *names: str) -> str | None:
        """An id as text: integers are converted, blanks around it cut; None when there is none."""
        name, value = self.first(*names)
        if isinstance(value, str):
            return self._trimmed(name, value) or None
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            self.note(name, value, Rule.ID_IS_TEXT, Action.REPAIRED)
            return str(value)
        self.note(name, value, Rule.TYPE, Action.UNKNOWN)
        return None

    def count(self, *names: str, is_required: bool = False) -> int | None:
        """A count, or None: missing, negative and placeholder counts are unknown, never 0."""
        name, value = self.first(*names)
        if value is None:
            self._missing(name, is_required)
            return None
        number = self._finite(name, value)
        if number is None:
            return None
        if number < 0:
            self._unknown(name, value, Rule.COUNT_RANGE)
            return None
        if number in PLACEHOLDERS or number >= COUNT_LIMIT:
            self._unknown(name, value, Rule.COUNT_SENTINEL)
            return None
        if number != int(number):
            self._unknown(name, value, Rule.TYPE)
            return None
        return int(number)

    def number(self, name: str, lowest: float = -math.inf, highest: float = math.inf) -> float | None:
        """A finite number within its range, else None."""
        value = self.values.get(name)
        number = None if value is None else self._finite(name, value)
        if number is not None and not lowest <= number <= highest:
            self._unknown(name, value, Rule.NUMBER_RANGE)
            return None
        return number

    def flag(self, name: str, default: bool, *, is_required: bool = True) -> bool:
        """A flag; ``default`` where it is missing or can't be read."""
        value = self.values.get(name)
        if isinstance(value, bool):
            return value
        if value is None:
            if is_required:
                self.note(name, None, Rule.REQUIRED, Action.ASSUMED)
            return default
        if isinstance(value, int | float) and value in (0, 1):
            if not self._is_version_1:
                self.note(name, value, Rule.FLAG_IS_BOOLEAN, Action.REPAIRED)
            return bool(value)
        known = FLAG_TEXTS.get(value.strip().lower()) if isinstance(value, str) else None
        self.note(name, value, Rule.FLAG_IS_BOOLEAN, Action.ASSUMED if known is None else Action.REPAIRED)
        return default if known is None else known

    def text(self, name: str, languages: Sequence[str] = ()) -> str | None:
        """A text, or of localized texts the one in the first of ``languages`` (else the first); "" is None."""
        value = self.values.get(name)
        if isinstance(value, list):
            value = self._localized(name, value, languages)
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            self._unknown(name, value, Rule.TYPE)
            return None
        if not isinstance(value, str):
            self.note(name, value, Rule.TYPE, Action.REPAIRED)
        return self._decoded(name, self._trimmed(name, str(value))) or None

    def instant(self, name: str, *, is_required: bool = False) -> datetime | None:
        """A time from POSIX seconds or RFC 3339, in UTC and milliseconds; None when there is none."""
        value = self.values.get(name)
        if value is None:
            self._missing(name, is_required)
            return None
        if isinstance(value, str):
            written = rfc3339(value.strip())
            if written is not None:
                return self._aware(name, value, written)
        seconds = _float(value)
        if seconds is None:
            self._unknown(name, value, Rule.TIME_READABLE)
            return None
        return self._from_posix(name, value, seconds)

    def identifiers(self, name: str) -> tuple[str, ...]:
        """A list of ids as text; what is none is left out."""
        values = self.values.get(name)
        if values is not None and not isinstance(values, list):
            self._unknown(name, values, Rule.TYPE)
        found = [self._part({name: value}).identifier(name) for value in values] if isinstance(values, list) else []
        return tuple(one for one in found if one is not None)

    def inside(self, name: str) -> Fields:
        """The fields of the first object of a list of them; none where there is no such list."""
        values = self.values.get(name)
        first = values[0] if isinstance(values, list) and values else values
        if first is not None and not isinstance(first, dict):
            self._unknown(name, values, Rule.TYPE)
        return self._part(first if isinstance(first, dict) else {})

    def breakdown(self, name: str, key: str, whole: int | None) -> tuple[tuple[str, int], ...] | None:
        """The counts that ``whole`` is made of, by the id that ``key`` names; None without a list of them."""
        values = self.values.get(name)
        if values is None:
            return None
        if not isinstance(values, list):
            self._unknown(name, values, Rule.TYPE)
            return None
        parts = [self._part(value) for value in values if isinstance(value, dict)]
        # One dock may be for several types of vehicles: its key is a list, and nobody's id.
        counts = [(part.identifier(key) if key.endswith("_id") else key, part.count("count")) for part in parts]
        known = tuple((one, count) for one, count in counts if one is not None and count is not None)
        if len(known) < len(values) or sum(count for _, count in known) != whole:
            self.note(name, f"{sum(count for _, count in known)} of {whole}", Rule.BREAKDOWN, Action.KEPT)
        return known

    def position(self) -> tuple[float, float] | None:
        """Latitude and longitude in degrees; None when there is no position or it can't be one."""
        lat, lon = _float(self.values.get("lat")), _float(self.values.get("lon"))
        if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180) or lat == lon == 0:
            return None
        return lat, lon

    def _part(self, values: Mapping[str, object]) -> Fields:
        """The fields of an object inside this one."""
        return Fields(self.feed, self.entity, values, self.deviations, is_version_1=self._is_version_1)

    def _aware(self, name: str, value: str, written: datetime) -> datetime | None:
        if written.tzinfo is None:
            self.note(name, value, Rule.TIME_HAS_OFFSET, Action.ASSUMED)
            written = written.replace(tzinfo=UTC)
        seconds = written.timestamp()
        if not EARLIEST <= seconds < LATEST:
            self.note(name, value, _out_of_time(seconds), Action.UNKNOWN)
            return None
        return milliseconds(written)

    def _from_posix(self, name: str, value: object, seconds: float) -> datetime | None:
        if isinstance(value, str):
            self.note(name, value, Rule.TYPE, Action.REPAIRED)
        if LATEST <= seconds < LATEST * 1000:
            self.note(name, value, Rule.TIME_IN_SECONDS, Action.REPAIRED)
            seconds /= 1000
        elif seconds != int(seconds):
            self.note(name, value, Rule.TIME_IN_SECONDS, Action.REPAIRED)
        if not EARLIEST <= seconds < LATEST:
            self.note(name, value, _out_of_time(seconds), Action.UNKNOWN)
            return None
        return milliseconds(datetime.fromtimestamp(seconds, UTC))

    def _missing(self, name: str, is_required: bool) -> None:
        if is_required:
            self.note(name, None, Rule.REQUIRED, Action.UNKNOWN)

    def _unknown(self, name: str, value: object, rule: Rule) -> None:
        self.note(name, value, rule, Action.UNKNOWN)

    def _finite(self, name: str, value: object) -> float | None:
        number = _float(value)
        if number is None:
            self._unknown(name, value, Rule.TYPE)
            return None
        if isinstance(value, str):
            self.note(name, value, Rule.TYPE, Action.REPAIRED)
        return number

    def _trimmed(self, name: str, value: str) -> str:
        # Half a surrogate pair can't be written as UTF-8.
        text = value.encode("utf-8", "replace").decode().strip()
        if text != value:
            self.note(name, value, Rule.TEXT_TRIMMED, Action.REPAIRED)
        return text

    def _decoded(self, name: str, value: str) -> str:
        if " " in value or not _URL_ENCODED.search(value):
            return value
        self.note(name, value, Rule.TEXT_DECODED, Action.REPAIRED)
        return unquote_plus(value).strip()

    def _localized(self, name: str, texts: Sequence[object], languages: Sequence[str]) -> object:
        by_language = {
            str(text.get("language")).lower(): text.get("text") for text in reversed(texts) if isinstance(text, dict)
        }
        for language in languages:
            if (found := by_language.get(language.lower())) is not None:
                return found
        if not by_language:
            self._unknown(name, texts, Rule.TYPE)
            return None
        # The first of the list: the dictionary was filled from its end.
        return list(by_language.values())[-1]


def _out_of_time(seconds: float) -> Rule:
    return Rule.TIME_SENTINEL if seconds < EARLIEST else Rule.TIME_READABLE


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
