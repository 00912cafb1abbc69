"""Placeholder until merge."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable


def hours_text(blocks: Iterable[tuple[int, int, int, int]]) -> str:
    """Blocks as JSON."""
    sums: dict[tuple[int, int, int], int] = defaultdict(int)
    for hour, bikes, docks, micros in blocks:
        sums[hour, bikes, docks] += micros
    return json.dumps([[*key, micros] for key, micros in sorted(sums.items())], separators=(",", ":"))
