"""The official JSON schemas of GBFS, as the package gbfs-validator carries them."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # one call does not need stubs


@lru_cache
def _validator(version: str, feed: str) -> Any:
    place = files("gbfs_validator") / "data" / "schemas" / f"v{version}" / f"{feed}.json"
    schema = json.loads(place.read_text(encoding="utf-8"))
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def faults_in(document: Any, version: str, feed: str) -> list[str]:
    """What is wrong with a document; its schema must be there."""
    return [fault.message for fault in _validator(version, feed).iter_errors(document)]
