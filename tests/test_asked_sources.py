"""Service levels and typical weeks as files, by their address."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.asked_sources import SERVICE_COLUMNS, WEEK_COLUMNS
from backend.context import Context
from pipeline.tables import STATION_HOUR, STATION_SERVICE
from tests.asked_exports import exports_of, rows_of
from tests.service_rows import service_row
from tests.small_city import fill, open_context

MONDAY = date(2026, 11, 16)
DAYS = "from=2026-11-16&to=2026-11-17"
MORNING = f"{DAYS}&min_bikes=2&min_docks=2&from_hour=6&to_hour=8&weekdays=Mon,tue&target=0.5"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with exports_of(context) as client:
        yield client


async def fill_monday(context: Context) -> None:
    """Gare keeps the morning's level for 1 of 4 thousand seconds, Liberté all the time."""
    rows = [
        service_row("g", (6, 5, 5, 1000), (6, 1, 5, 3000)),
        service_row("l", (7, 2, 2, 7200)),
        service_row("gone", (6, 0, 0, 60)),
    ]
    await fill(context, STATION_SERVICE, *[{"date": MONDAY, **row} for row in rows])


def level(station_id: str, name: str, kept: float, observed: float) -> dict[str, Any]:
    seconds = {"kept_seconds": kept, "observed_seconds": observed, "asked_seconds": 14_400.0}
    share = kept / observed
    told = {"share": share, **seconds, "coverage": observed / 14_400, "is_kept": share >= 0.5}
    return {"station_id": station_id, "name": name, **told}


async def test_the_service_level_of_each_declared_station_the_worst_first(
    context: Context, client: httpx.AsyncClient
) -> None:
    await fill_monday(context)
    gare, liberte = level("g", "Gare", 1000.0, 4000.0), level("l", "Liberté", 7200.0, 7200.0)
    assert await rows_of(client, f"service-level.parquet?{MORNING}") == [gare, liberte]
    assert await rows_of(client, f"service-level.parquet?{MORNING}&station=l") == [liberte]


async def test_unless_something_else_is_asked_for_it_is_a_bike_and_a_dock_at_any_time(
    context: Context, client: httpx.AsyncClient
) -> None:
    await fill_monday(context)
    rows = list(csv.DictReader(io.StringIO((await client.get(f"service-level.csv?{DAYS}")).text)))
    assert list(rows[0]) == list(SERVICE_COLUMNS)
    assert [(row["station_id"], row["share"], row["asked_seconds"]) for row in rows] == [
        ("g", "1.0", "172800.0"),
        ("l", "1.0", "172800.0"),
    ]


async def test_a_typical_week_is_168_rows(context: Context, client: httpx.AsyncClient) -> None:
    start = datetime(2026, 11, 16, 7, tzinfo=UTC)
    counts = {"bikes_mean": 4.5, "bikes_min": 2, "bikes_max": 6, "observed_seconds": 1800.0}
    await fill(context, STATION_HOUR, {"date": MONDAY, "station_id": "g", "start": start, "hour": 8, **counts})
    rows = await rows_of(client, "typical-week.parquet?station=g&weeks=1&to=2026-11-18")
    assert (len(rows), list(rows[0])) == (168, list(WEEK_COLUMNS))
    assert {name: value for name, value in rows[8].items() if value is not None} == {
        "weekday": "MONDAY",
        "hour": 8,
        "weeks": 1,
        "observed_seconds": 1800.0,
        "coverage": 0.5,
        "bikes_mean": 4.5,
        "bikes_min": 2,
        "bikes_low_quartile": 4.5,
        "bikes_median": 4.5,
        "bikes_high_quartile": 4.5,
        "bikes_max": 6,
    }
    assert len(await rows_of(client, "typical-week.parquet?station=g")) == 168


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"service-level.csv?{DAYS}&min_bikes=two", "min_bikes: 'two' is not a whole number."),
        (f"service-level.csv?{DAYS}&target=most", "target: 'most' is not a number."),
        (f"service-level.csv?{DAYS}&target=nan", "target: nan is not a share between 0 and 1."),
        (
            f"service-level.csv?{DAYS}&min_docks=9",
            "minDocks: 9 is not between 0 and 5, up to which service levels are exact.",
        ),
        (
            f"service-level.csv?{DAYS}&weekdays=mon,lundi",
            "weekdays: 'lundi' is none of mon, tue, wed, thu, fri, sat, sun.",
        ),
        (
            "service-level.csv?from=2026-01-01&to=2026-04-03",
            "from 2026-01-01 to 2026-04-03 spans 93 days; at most 92 are answered at once.",
        ),
        ("typical-week.csv?weeks=8", "station: is missing."),
        ("typical-week.csv?station=g&weeks=53", "weeks: 53 is not between 1 and 52."),
        ("typical-week.csv?station=g&to=never", "Date: 'never' is not a day such as 2026-11-20."),
    ],
)
async def test_wrong_arguments_are_refused_in_a_sentence(client: httpx.AsyncClient, path: str, sentence: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (400, f"{sentence}\n")
