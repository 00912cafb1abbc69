"""Enums of the records as enums of the schema, with a description for each value."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def describe(enum: type[StrEnum], description: str, values: Mapping[StrEnum, str]) -> None:
    """Make the enum a type of the schema; ``values`` describes every one of its members."""
    strawberry.enum(enum, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # set above
    for value in definition.values:
        value.description = values[enum(value.value)]
