"""Values as cells of CSV."""

from __future__ import annotations

import datetime

from backend.scalars import print_instant

# A spreadsheet takes a text that begins so for a formula; what feeds call a station must not be one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(value: object) -> object:
    """The value as `csv.writer` is to write it: unknown is an empty cell, instants are in UTC.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return print_instant(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
