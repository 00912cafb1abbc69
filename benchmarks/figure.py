"""A measured figure beside what was promised, and the table that shows them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Figure(NamedTuple):
    """``what`` was measured, what it ``must`` be, what it ``is`` (both in words), and whether it is."""

    what: str
    must: str
    measured: str
    is_kept: bool


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as a table, or as JSON lines when asked with --json (as `python -m benchmarks` does)."""
    if "--json" in sys.argv:
        sys.stdout.writelines(json.dumps(figure._asdict()) + "\n" for figure in figures)
        return
    Console().print(table(figures))


def table(figures: Sequence[Figure]) -> Table:
    """The figures as a table for the terminal."""
    drawn = Table("what", "must", "measured", "kept")
    for figure in figures:
        drawn.add_row(figure.what, figure.must, figure.measured, "yes" if figure.is_kept else "[bold red]NO[/]")
    return drawn
