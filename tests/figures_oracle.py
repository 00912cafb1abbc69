"""The figures once more, in DuckDB's SQL, written from docs/metrics.md: what the batch is compared with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

Row = dict[str, Any]

_PIECES = """
SET TimeZone = 'UTC';
-- Local hours begin on quarter hours everywhere, so quarter hours can be summed up to any of them.
CREATE OR REPLACE TEMP TABLE quarter AS
    SELECT begins, begins + INTERVAL 15 MINUTE AS ends, timezone($zone, begins) AS local,
        begins - (timezone($zone, begins) - date_trunc('hour', timezone($zone, begins))) AS start
    FROM (SELECT unnest(generate_series($day::TIMESTAMPTZ - INTERVAL 1 DAY, $day::TIMESTAMPTZ + INTERVAL 2 DAY,
        INTERVAL 15 MINUTE)) AS begins)
    WHERE CAST(timezone($zone, begins) AS DATE) = $day;
CREATE OR REPLACE TEMP TABLE poll AS
    SELECT system_id, polled_at, hold_seconds, least(
        coalesce(lead(polled_at) OVER (PARTITION BY system_id ORDER BY polled_at), 'infinity'::TIMESTAMPTZ),
        polled_at + to_microseconds(CAST(round(hold_seconds * 1e6) AS BIGINT))) AS unseen_at
    FROM (SELECT system_id, polled_at, arg_max(hold_seconds, "offset") AS hold_seconds
        FROM feeds WHERE feed = 'station_status' AND is_observing GROUP BY ALL);
CREATE OR REPLACE TEMP TABLE stretch AS
    SELECT poll.*, start, polled_at >= begins AND polled_at < ends AS is_here,
        epoch_us(least(unseen_at, ends, $until)) - epoch_us(greatest(polled_at, begins)) AS us
    FROM poll JOIN quarter ON polled_at < ends AND unseen_at > begins AND greatest(polled_at, begins) < $until;
CREATE OR REPLACE TEMP TABLE state AS
    SELECT DISTINCT ON (system_id, station_id, polled_at) *,
        is_installed AND is_renting AND bikes IS NOT NULL AND bikes = 0 AS empty,
        is_installed AND is_returning AND docks IS NOT NULL AND docks = 0 AS full_,
        NOT (is_installed AND (is_renting OR is_returning)) AS closed
    FROM statuses ORDER BY system_id, station_id, polled_at, "offset" DESC;
CREATE OR REPLACE TEMP TABLE known AS SELECT * FROM state JOIN stretch USING (system_id, polled_at);
"""

_STATION = """
    sum(bikes * us) / sum(us) FILTER (bikes IS NOT NULL) AS bikes_mean,
    min(bikes) AS bikes_min, max(bikes) AS bikes_max,
    sum(docks * us) / sum(us) FILTER (docks IS NOT NULL) AS docks_mean,
    min(docks) AS docks_min, max(docks) AS docks_max,
    coalesce(sum(us) FILTER (empty), 0) / 1e6 AS empty_seconds,
    coalesce(sum(us) FILTER (full_), 0) / 1e6 AS full_seconds,
    coalesce(sum(us) FILTER (closed), 0) / 1e6 AS closed_seconds, sum(us) / 1e6 AS observed_seconds,
    sum(us) / 1e6 / {span} AS coverage, max(hold_seconds) AS hold_seconds"""

_DAY = "((SELECT count(*) FROM quarter) * 900)"

_NETWORK = f"""
WITH total AS (
    SELECT system_id, polled_at, count(*) AS stations, sum(bikes) AS bikes, sum(docks) AS docks,
        count_if(empty) AS empty, count_if(full_) AS full_, count_if(closed) AS closed
    FROM state GROUP BY ALL),
moment AS (
    SELECT stretch.*, bikes, docks, coalesce(stations, 0) AS stations, coalesce(empty, 0) AS empty,
        coalesce(full_, 0) AS full_, coalesce(closed, 0) AS closed
    FROM stretch LEFT JOIN total USING (system_id, polled_at))
SELECT system_id, sum(bikes * us) / sum(us) FILTER (bikes IS NOT NULL) AS bikes_mean,
    min(bikes) AS bikes_min, max(bikes) AS bikes_max,
    sum(docks * us) / sum(us) FILTER (docks IS NOT NULL) AS docks_mean,
    min(docks) AS docks_min, max(docks) AS docks_max,
    sum(empty * us) / sum(us) AS stations_empty_mean, sum(full_ * us) / sum(us) AS stations_full_mean,
    sum(closed * us) / sum(us) AS stations_closed_mean,
    sum(empty * us) / nullif(sum(stations * us), 0) AS empty_share,
    sum(full_ * us) / nullif(sum(stations * us), 0) AS full_share,
    sum(us) / 1e6 AS observed_seconds, sum(us) / 1e6 / {_DAY} AS coverage, max(hold_seconds) AS hold_seconds,
    count_if(is_here) AS polls
FROM moment GROUP BY ALL"""


class Oracle(NamedTuple):
    """Figures by (system, station, start of the hour), by (system, station), and by system."""

    hours: dict[tuple[str, str, datetime], Row]
    days: dict[tuple[str, str], Row]
    networks: dict[str, Row]


def figures(statuses: pa.Table, feeds: pa.Table, zone: str, day: date, until: datetime) -> Oracle:
    """The figures of the local day up to ``until``, of records as in `tests.observed_world`."""
    with duckdb.connect() as connection:
        connection.register("statuses", statuses)
        connection.register("feeds", feeds)
        return figures_in(connection, zone, day, until)


def figures_in(connection: duckdb.DuckDBPyConnection, zone: str, day: date, until: datetime) -> Oracle:
    """The same, of what ``connection`` has as statuses and feeds."""
    wanted = {"zone": zone, "day": day, "until": until}
    for statement in _PIECES.split(";\n"):
        connection.execute(statement, {name: value for name, value in wanted.items() if f"${name}" in statement})
    hours = _rows(
        connection,
        f"SELECT system_id, station_id, start, {_STATION.format(span='any_value(span)')} FROM known"
        " JOIN (SELECT start, count(*) * 900 AS span FROM quarter GROUP BY start) USING (start) GROUP BY ALL",
    )
    days = _rows(
        connection,
        f"SELECT system_id, station_id, {_STATION.format(span=_DAY)}, max(bikes + docks +"
        " coalesce(bikes_disabled, 0) + coalesce(docks_disabled, 0)) AS capacity_seen FROM known GROUP BY ALL",
    )
    return Oracle(
        {(row.pop("system_id"), row.pop("station_id"), row.pop("start")): row for row in hours},
        {(row.pop("system_id"), row.pop("station_id")): row for row in days},
        {row.pop("system_id"): row for row in _rows(connection, _NETWORK)},
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    rows: list[Row] = connection.sql(query).to_arrow_table().to_pylist()
    return rows
