"""Figures and histories as files, by their address."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from backend import figure_sources
from backend.context import Context
from backend.figure_sources import SOURCES
from pipeline.ports import Row
from pipeline.tables import (
    NETWORK_DAY,
    NETWORK_HISTORY,
    NETWORK_HOUR,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HISTORY,
    STATION_HOUR,
)
from tests.asked_exports import exports_of, rows_of
from tests.figure_rows import FIGURES, NETWORK_FIGURES, day, hour
from tests.small_city import NOW, SYSTEM, fill, minutes, network, open_context, status

MONDAY = date(2026, 11, 16)
NINE = datetime(2026, 11, 16, 9, tzinfo=UTC)
DAYS = "from=2026-11-16&to=2026-11-17"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with exports_of(context) as client:
        yield client


def ids(rows: Sequence[Row]) -> list[tuple[object, object]]:
    return [(row["date"], row["station_id"]) for row in rows]


async def test_days_of_all_stations_are_a_table_in_order(context: Context, client: httpx.AsyncClient) -> None:
    await fill(context, STATION_DAY, day(17, "l"), day(16, "o"), day(16, "gone"), day(18))
    answer = await client.get(f"station-days.csv?{DAYS}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    name = 'attachment; filename="brest-station-days-2026-11-16-2026-11-17.csv"'
    assert answer.headers["content-disposition"] == name
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(STATION_DAY.columns)
    assert ids(rows) == [("2026-11-16", "gone"), ("2026-11-16", "o"), ("2026-11-17", "l")]
    assert (rows[0]["bikes_mean"], rows[0]["docks_mean"], rows[0]["capacity_seen"]) == ("3.5", "", "12")


async def test_parquet_holds_every_figure(context: Context, client: httpx.AsyncClient) -> None:
    await fill(context, STATION_DAY, day(16))
    assert await rows_of(client, f"station-days.parquet?{DAYS}&station=g") == [
        {"system_id": SYSTEM, "date": MONDAY, "station_id": "g", **FIGURES, "capacity_seen": 12}
    ]


async def test_a_year_of_one_station_is_one_file(context: Context, client: httpx.AsyncClient) -> None:
    first = MONDAY - timedelta(days=365)
    await fill(context, STATION_DAY, day(16), day(16, "l"), {**day(1), "date": first})
    rows = await rows_of(client, f"station-days.parquet?from={first}&to={MONDAY}&station=g")
    assert ids(rows) == [(first, "g"), (MONDAY, "g")]


async def test_hours_of_many_stations_are_read_in_pieces_and_none_is_lost(
    context: Context, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure_sources, "ROWS_AT_ONCE", 5)
    hours = [hour(MONDAY, NINE + timedelta(hours=n), 10 + n, name) for name in "abcgl" for n in range(3)]
    await fill(context, STATION_HOUR, *hours)
    rows = await rows_of(client, f"station-hours.parquet?{DAYS}")
    assert [(row["station_id"], row["hour"]) for row in rows] == [(one["station_id"], one["hour"]) for one in hours]


async def test_hours_of_one_station(context: Context, client: httpx.AsyncClient) -> None:
    await fill(context, STATION_HOUR, hour(MONDAY, NINE, 10), hour(MONDAY, NINE, 10, "l"))
    rows = await rows_of(client, f"station-hours.parquet?{DAYS}&station=g")
    assert [(row["station_id"], row["start"]) for row in rows] == [("g", NINE)]


async def test_episodes_of_all_stations(context: Context, client: httpx.AsyncClient) -> None:
    row: dict[str, Any] = {"date": MONDAY, "station_id": "g", "state": "EMPTY", "start": NINE}
    row |= {"seconds": 60.0, "is_censored": True}
    await fill(context, STATION_EPISODE, row)
    assert await rows_of(client, f"episodes.parquet?{DAYS}") == [{"system_id": SYSTEM, **row}]


async def test_hours_and_days_of_the_network(context: Context, client: httpx.AsyncClient) -> None:
    figures = {"polls": 60, **NETWORK_FIGURES}
    await fill(context, NETWORK_HOUR, {"date": MONDAY, "start": NINE, "hour": 10, **figures})
    await fill(context, NETWORK_DAY, {"date": MONDAY, **figures}, {"date": date(2026, 11, 18), **figures})
    (hours,) = await rows_of(client, f"network-hours.parquet?{DAYS}")
    assert hours == {"system_id": SYSTEM, "date": MONDAY, "start": NINE, "hour": 10, **figures}
    assert await rows_of(client, f"network-days.parquet?{DAYS}") == [{"system_id": SYSTEM, "date": MONDAY, **figures}]


async def test_polls_of_the_network_up_to_the_last_of_the_range(context: Context, client: httpx.AsyncClient) -> None:
    midnight = datetime(2026, 11, 17, tzinfo=UTC)
    polls = [network(midnight + minutes(number), bikes=number + 10) for number in (-1, 0, 1)]
    rows = [msgspec.structs.asdict(poll) | {"day": poll.polled_at.date()} for poll in polls]
    await fill(context, NETWORK_HISTORY, *rows)
    found = await rows_of(client, "network-history.parquet?from=2026-11-16T23:00:00Z&to=2026-11-17T01:01:00%2B01:00")
    assert [(row["polled_at"], row["bikes"], row["fleet"]) for row in found] == [
        (midnight - minutes(1), 9, None),
        (midnight, 10, None),
    ]


async def test_the_history_of_a_station_says_where_nothing_was_seen(
    context: Context, client: httpx.AsyncClient
) -> None:
    context.live.systems[SYSTEM].statuses.clear()
    records = [status("g", 4, 10, NOW - minutes(50)), status("g", 0, 14, NOW - minutes(2), seen_before=None)]
    rows = [msgspec.structs.asdict(record) | {"month": 202611} for record in records]
    await fill(context, STATION_HISTORY, *[{name: row[name] for name in STATION_HISTORY.columns} for row in rows])
    found = await rows_of(client, "station-history.parquet?station=g&from=2026-11-20T17:00:00Z&to=2026-11-20T18:00:00Z")
    assert [(row["polled_at"], row["state"], row["bikes"], row["docks"], row["is_renting"]) for row in found] == [
        (NOW - minutes(50), "NORMAL", 4, 10, True),
        (NOW - minutes(47), "UNKNOWN", None, None, True),
        (NOW - minutes(2), "EMPTY", 0, 14, True),
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", [(1, "o", "Océan", 30.0), (2, "g", "Gare", 7.0)]),
        ("&order=least", [(1, "g", "Gare", 7.0), (2, "o", "Océan", 30.0)]),
    ],
)
async def test_a_ranking_names_its_stations(
    context: Context, client: httpx.AsyncClient, order: str, expected: list[tuple[object, ...]]
) -> None:
    await fill(context, STATION_DAY, day(16), day(16, "o", bikes_max=30), day(16, "gone", bikes_max=31))
    found = await rows_of(client, f"ranking.parquet?{DAYS}&metric=BIKES_MAX{order}")
    assert [(row["rank"], row["station_id"], row["name"], row["value"]) for row in found] == expected


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("station-days.csv?to=2026-11-17", "from: is missing."),
        ("station-days.csv?from=2026-11-16&to=", "to: is missing."),
        ("station-days.csv?from=16.11.&to=2026-11-17", "Date: '16.11.' is not a day such as 2026-11-20."),
        ("network-days.csv?from=2026-11-17&to=2026-11-16", "from 2026-11-17 to 2026-11-16: from is after to."),
        (
            "station-days.csv?from=2026-01-01&to=2026-12-31",
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 92 are answered at once.",
        ),
        (
            "station-hours.csv?from=2026-01-01&to=2026-12-31",
            "from 2026-01-01 to 2026-12-31 spans 365 days; at most 31 are answered at once.",
        ),
        (
            "station-days.csv?from=2025-01-01&to=2026-12-31&station=g",
            "from 2025-01-01 to 2026-12-31 spans 730 days; at most 366 are answered at once.",
        ),
        (f"station-days.csv?{DAYS}&station=x", "station: 'x' is no station of brest."),
        (f"station-history.csv?{DAYS}", "station: is missing."),
        (f"network-days.csv?{DAYS}&station=g", "station: there is no such argument here; there are from, to."),
        (f"network-days.csv?{DAYS}&from=2026-11-15", "from: is given 2 times; once is enough."),
        (f"ranking.csv?{DAYS}", "metric: is missing."),
        (f"ranking.csv?{DAYS}&metric=bikes_mean&order=best", "order: 'best' is none of greatest, least."),
        (
            "network-history.csv?from=2026-11-16&to=2026-11-17T00:00:00Z",
            "DateTime: '2026-11-16' has no offset from UTC; write 2026-11-20T18:00:00Z or …+01:00.",
        ),
    ],
)
async def test_wrong_arguments_are_refused_in_a_sentence(client: httpx.AsyncClient, path: str, sentence: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (400, f"{sentence}\n")


async def test_a_metric_that_there_is_not_is_refused_with_those_that_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"ranking.csv?{DAYS}&metric=hold_seconds")
    assert answer.status_code == 400
    assert answer.text.startswith("metric: 'hold_seconds' is none of empty_share, full_share, ")


@pytest.mark.parametrize(
    "path", ["/export/paris/station-days.csv", "/export/brest/trips.csv", "/export/brest/station-days.xlsx"]
)
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"http://bikes.example{path}?{DAYS}")
    assert answer.status_code == 404
    assert answer.text.startswith("There ")


async def test_before_the_log_was_read_nothing_is_told(context: Context, client: httpx.AsyncClient) -> None:
    context.live.current.clear()
    assert (await client.get(f"station-days.csv?{DAYS}")).status_code == 503


async def test_a_store_that_fails_is_told_without_its_reasons(
    context: Context, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    system = context.live.systems[SYSTEM]
    assert system.information is not None
    await fill(context, STATION_DAY, day(16))
    system.information = msgspec.structs.replace(system.information, time_zone="Mars/Olympus")
    answer = await client.get(f"ranking.csv?{DAYS}&metric=bikes_mean")
    assert (answer.status_code, answer.text) == (503, "The figures can't be read now; try again later.\n")
    assert "brest: ranking can't be exported: brest: 'Mars/Olympus' is not a time zone" in caplog.text


def test_every_file_is_listed_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in SOURCES if f"| `/export/{{system}}/{name}.csv` |" not in readme] == []
