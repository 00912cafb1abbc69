"""Service levels once more, in DuckDB's SQL, second by second, written from docs/metrics.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from pipeline.service_level import Question


class Stretch(NamedTuple):
    """For so many seconds a station had so many bikes to rent and docks to return to (None: unknown)."""

    station_id: str
    start: datetime
    seconds: int
    bikes: int | None
    docks: int | None


class Told(NamedTuple):
    """The seconds asked of each station, and those kept and observed by station."""

    asked: int
    stations: dict[str, tuple[int, int]]


_COLUMNS: dict[str, pa.DataType] = {
    "station_id": pa.string(),
    "start": pa.timestamp("us", "UTC"),
    "seconds": pa.int64(),
    "bikes": pa.int64(),
    "docks": pa.int64(),
}
_SCHEMA = pa.schema(_COLUMNS)

_ASKED = """
    CAST(local AS DATE) BETWEEN $first AND $last AND list_contains($weekdays, isodow(local) - 1)
    AND hour(local) >= $from_hour AND hour(local) < $to_hour"""

_SECONDS = f"""
SELECT count(*) * 900 FROM (
    SELECT timezone($zone, unnest(generate_series($first::TIMESTAMPTZ - INTERVAL 1 DAY,
        $last::TIMESTAMPTZ + INTERVAL 2 DAY, INTERVAL 15 MINUTE))) AS local)
WHERE {_ASKED}"""

_STATIONS = f"""
WITH second AS (
    SELECT station_id, bikes, docks,
        timezone($zone, unnest(generate_series(start, start + to_seconds(seconds - 1), INTERVAL 1 SECOND))) AS local
    FROM stretches),
told AS (
    SELECT station_id, CASE
        WHEN $min_bikes > 0 AND bikes IS NULL OR $min_docks > 0 AND docks IS NULL THEN NULL
        ELSE ($min_bikes = 0 OR bikes >= $min_bikes) AND ($min_docks = 0 OR docks >= $min_docks) END AS is_kept
    FROM second WHERE {_ASKED})
SELECT station_id, count_if(is_kept), count(is_kept) FROM told GROUP BY station_id"""


def tell(stretches: Sequence[Stretch], asked: Question, zone: str, first: date, last: date) -> Told:
    """What stations were asked and what they kept on the local days; one that was not seen then is left out."""
    wanted = asdict(asked) | {"weekdays": sorted(asked.weekdays), "zone": zone, "first": first, "last": last}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("stretches", pa.Table.from_pylist([one._asdict() for one in stretches], _SCHEMA))
        (seconds,) = _run(connection, _SECONDS, wanted)[0]
        return Told(seconds, {row[0]: row[1:] for row in _run(connection, _STATIONS, wanted)})


def _run(connection: duckdb.DuckDBPyConnection, query: str, wanted: dict[str, Any]) -> list[Any]:
    named = {name: value for name, value in wanted.items() if f"${name}" in query}
    return connection.execute(query, named).fetchall()
