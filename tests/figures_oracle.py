"""The figures once more, in DuckDB's SQL, written from docs/metrics.md: what the batch is compared with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from tests.figures_sql import STATEMENTS

Row = dict[str, Any]


class Oracle(NamedTuple):
    """Figures by (system, station, start of the hour), by (system, station), by (system, start of the hour) and by
    system; episodes by (system, station, kind, start)."""

    hours: dict[tuple[str, str, datetime], Row]
    days: dict[tuple[str, str], Row]
    network_hours: dict[tuple[str, datetime], Row]
    networks: dict[str, Row]
    episodes: dict[tuple[str, str, str, datetime], Row]


def figures(
    statuses: pa.Table,
    feeds: pa.Table,
    vehicles: pa.Table,
    zone: str,
    day: date,
    until: datetime,
    nearly_empty: int = 3,
    nearly_full: int = 3,
    low_charge: float = 0.2,
    abandoned_hours: int = 24,
) -> Oracle:
    """The figures of the local day up to ``until``, of records as in `tests.observed_world`."""
    with duckdb.connect() as connection:
        connection.register("statuses", statuses)
        connection.register("feeds", feeds)
        connection.register("vehicles", vehicles)
        return figures_in(connection, zone, day, until, nearly_empty, nearly_full, low_charge, abandoned_hours)


def figures_in(
    connection: duckdb.DuckDBPyConnection,
    zone: str,
    day: date,
    until: datetime,
    nearly_empty: int = 3,
    nearly_full: int = 3,
    low_charge: float = 0.2,
    abandoned_hours: int = 24,
) -> Oracle:
    """The same, of what ``connection`` has as statuses, feeds and vehicles."""
    wanted = {
        "zone": zone,
        "day": day,
        "until": until,
        "nearly_empty": nearly_empty,
        "nearly_full": nearly_full,
        "low_charge": low_charge,
        "abandoned_hours": abandoned_hours,
    }
    for statement in STATEMENTS:
        connection.execute(statement, {name: value for name, value in wanted.items() if f"${name}" in statement})
    return Oracle(
        _by(
            connection, "system_id, station_id, start", "* EXCLUDE (h, capacity_seen) FROM station_figures WHERE h >= 0"
        ),
        _by(connection, "system_id, station_id", "* EXCLUDE (h, start) FROM station_figures WHERE h = -1"),
        _by(connection, "system_id, start", "* EXCLUDE (h) FROM network_figures WHERE h >= 0"),
        _by(connection, "system_id", "* EXCLUDE (h, start) FROM network_figures WHERE h = -1"),
        _by(
            connection,
            "system_id, station_id, kind, start",
            "system_id, station_id, kind, make_timestamptz(seen_at) AS start, us / 1e6 AS seconds, is_censored"
            " FROM episode",
        ),
    )


def _by(connection: duckdb.DuckDBPyConnection, key: str, query: str) -> dict[Any, Row]:
    rows: list[Row] = connection.sql(f"SELECT {query}").to_arrow_table().to_pylist()
    names = key.split(", ")
    keys = [tuple(row.pop(name) for name in names) for row in rows]
    return {of if len(names) > 1 else of[0]: row for of, row in zip(keys, rows, strict=True)}
