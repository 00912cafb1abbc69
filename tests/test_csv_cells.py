from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from backend.csv_cells import csv_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, "true"),
        (False, "false"),
        (-4, -4),
        (-4.5, -4.5),
        (date(2026, 11, 20), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 18, 0, 0, 1500, tzinfo=UTC), "2026-11-20T18:00:00.001Z"),
        ("Gare - Nord", "Gare - Nord"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("-1+1", "'-1+1"),
        ("+1", "'+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("", ""),
    ],
)
def test_a_cell_says_what_is_known_and_is_never_a_formula(value: object, cell: object) -> None:
    assert csv_cell(value) == cell
