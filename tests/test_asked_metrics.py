"""The examples of service levels and typical weeks in docs/metrics.md come out as they say."""

from __future__ import annotations

import re
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.service_level import Level, Question, asked_micros, hours_text, levels_of, network_level, seen_by_station
from pipeline.typical_week import typical_week

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
BREST = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 6, 1)
SECOND = 1_000_000


def tables(heading: str) -> list[list[list[str]]]:
    """The tables below a heading, as rows of cells without their head."""
    section = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    found = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()[2:]] for one in found]


def number(cell: str) -> float | None:
    """What a cell says, an unknown one None: a number, a quotient, or the outcome of what is worked out."""
    if cell == "unknown":
        return None
    return float(Fraction(cell.rsplit("=", 1)[-1].replace(" ", "")))


def station_a() -> dict[str, Any]:
    counts = [(int(hour), bikes, docks, int(seconds)) for hour, bikes, docks, seconds, _ in tables("Service levels")[0]]
    blocks = [(hour, known(bikes), known(docks), seconds * SECOND) for hour, bikes, docks, seconds in counts]
    return {"station_id": "a", "hours": hours_text(blocks)}


def known(cell: str) -> int:
    return -1 if cell == "unknown" else int(cell)


def figures(level: Level) -> list[float | None]:
    return [level.seen.kept / SECOND, level.seen.observed / SECOND, level.share, level.coverage]


@pytest.mark.parametrize(("row", "thresholds"), [(0, (2, 2)), (1, (2, 0)), (2, (0, 4))])
def test_a_service_level_comes_out_as_the_page_says(row: int, thresholds: tuple[int, int]) -> None:
    question = Question(*thresholds, from_hour=6, to_hour=8)
    asked = asked_micros(question, [MONDAY], BREST)
    level = levels_of(seen_by_station([station_a()], question), asked, question.target)["a"]
    assert figures(level) == [number(cell) for cell in tables("Service levels")[1][row][1:]]


def test_the_network_s_service_level_comes_out_as_the_page_says() -> None:
    question = Question(2, 2, 6, 8)
    station_b = {"station_id": "b", "hours": hours_text([(6, 4, 5, 3600 * SECOND)])}
    asked = asked_micros(question, [MONDAY], BREST)
    level = network_level(seen_by_station([station_a(), station_b], question), asked, question.target)
    assert "its share is 7800 / 9300, its coverage 9300 / 14400." in " ".join(PAGE.split())
    assert (level.share, level.coverage) == (7800 / 9300, 9300 / 14400)


def test_a_typical_hour_comes_out_as_the_page_says() -> None:
    weeks, expected = tables("The typical week")
    names = ("bikes_mean", "bikes_min", "bikes_max", "observed_seconds")
    rows = [
        {"date": MONDAY + timedelta(days=7 * place), "hour": 8, "docks_mean": None}
        | dict(zip(names, map(number, cells[1:]), strict=True))
        for place, cells in enumerate(weeks)
    ]
    days = [MONDAY + timedelta(days=place) for place in range(7 * len(weeks))]
    found = typical_week(rows, days, BREST)[8].figures()
    told = {snake(name): number(value) for name, value in expected}
    assert {name: found[name] for name in told} == told


def snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()
