"""What the official JSON schemas of GBFS say of a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from pipeline.deviations import SHOWN_CHARACTERS
from pipeline.gbfs_model import Feed

SCHEMAS = {version: f"v{version}" for version in ("1.0", "1.1", "2.0", "2.1", "2.2", "2.3", "3.0")}
"""The folder of each version's schemas in the package that carries them; release candidates are looked up below."""

CANDIDATE = "v3.1-RC3"
LONGEST = 4 * SHOWN_CHARACTERS


class Word(msgspec.Struct, frozen=True):
    """What is wrong at ``place`` (``*`` for each of a list), ``count`` times; ``message`` is of the first."""

    place: str
    message: str
    count: int


def official_words(feed: Feed, version: str | None, body: bytes) -> tuple[Word, ...] | None:
    """What the schema of the feed in that version says, most frequent first; None when there is no such schema.

    A document without a version is of version 1.0.
    """
    validator = _validator(feed, version or "1.0")
    if validator is None:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return (Word("", "The body is not JSON.", 1),)
    found: dict[tuple[str, str], list[str]] = {}
    for error in validator.iter_errors(document):
        place = ".".join("*" if isinstance(part, int) else str(part) for part in error.absolute_path)
        found.setdefault((place, str(error.validator)), []).append(error.message)
    words = [Word(place, _short(messages[0]), len(messages)) for (place, _), messages in found.items()]
    return tuple(sorted(words, key=lambda word: (-word.count, word.place)))


@lru_cache
def _validator(feed: Feed, version: str) -> Any:
    from jsonschema import Draft7Validator  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]

    folder = SCHEMAS.get(version, CANDIDATE if re.match(r"3\.1\b", version) else None)
    name = "free_bike_status" if feed is Feed.VEHICLE_STATUS and version < "3" else feed.value
    place = files("gbfs_validator") / "data" / "schemas" / str(folder) / f"{name}.json"
    if folder is None or not place.is_file():
        return None
    schema = json.loads(place.read_text(encoding="utf-8"))
    kind = validator_for(schema, Draft7Validator)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def _short(message: str) -> str:
    return message if len(message) <= LONGEST else message[:LONGEST] + "…"


def total(words: Iterable[Word]) -> int:
    """How many errors they stand for."""
    return sum(word.count for word in words)
