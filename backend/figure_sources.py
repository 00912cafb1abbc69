"""What can be had as a file, and how it is read: one entry of SOURCES each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from backend import asked_sources, ranking
from backend.changes import Changes, Step
from backend.context import Context
from backend.figure_arguments import Arguments, station_of
from backend.measures import MEASURES
from backend.ranges import days
from backend.types.ranking import RankOrder, StationMetric
from pipeline.ports import Row, Value
from pipeline.tables import (
    NETWORK_DAY,
    NETWORK_HISTORY,
    NETWORK_HOUR,
    STATION_DAY,
    STATION_EPISODE,
    STATION_HOUR,
    ColumnType,
    Table,
)

MOST_DAYS = 366
"""Of the network, or of one station."""

MOST_DAYS_OF_ALL = 92
MOST_HOUR_DAYS_OF_ALL = 31

ROWS_AT_ONCE = 5_000
"""About so many rows of a partition are in memory at once."""

RANGE = ("from", "to")

Rows = AsyncGenerator[Sequence[Row], None]
"""Rows in their order, in pieces; the first step raises BadInput for arguments that break a rule."""


class Source(NamedTuple):
    """The columns of a file, the arguments that it takes, and how its rows are read of a context and a system id."""

    columns: Mapping[str, ColumnType]
    takes: tuple[str, ...]
    read: Callable[[Context, str, Arguments], Rows]


async def _of_stations(table: Table, most_days: int, context: Context, system_id: str, given: Arguments) -> Rows:
    station_id = station_of(context, system_id, given)
    for day in given.days(most_days if station_id is None else MOST_DAYS):
        if station_id is not None:
            yield await context.store.read(table, (system_id, day), (station_id,))
            continue
        async for rows in _pieces(context, table, (system_id, day)):
            yield rows


async def _pieces(context: Context, table: Table, partition: tuple[Value, ...]) -> Rows:
    """The partition in pieces, none of which ends within a station."""
    first: Value = None
    while True:
        rows = await context.store.read(table, partition, lower=first, limit=ROWS_AT_ONCE)
        if len(rows) < ROWS_AT_ONCE:
            break
        first = rows[-1]["station_id"]
        yield [row for row in rows if row["station_id"] != first]
    yield rows


async def _network_hours(context: Context, system_id: str, given: Arguments) -> Rows:
    for day in given.days(MOST_DAYS):
        yield await context.store.read(NETWORK_HOUR, (system_id, day))


async def _network_days(context: Context, system_id: str, given: Arguments) -> Rows:
    wanted = given.days(MOST_DAYS)
    yield await context.store.read(NETWORK_DAY, (system_id,), lower=wanted[0], upper=wanted[-1] + timedelta(days=1))


async def _network_history(context: Context, system_id: str, given: Arguments) -> Rows:
    start, end = given.instants(MOST_DAYS)
    last = (end - timedelta(microseconds=1)).date()
    for day in days(start.date(), last, MOST_DAYS + 1):
        yield await context.store.read(NETWORK_HISTORY, (system_id, day), lower=start, upper=end)


async def _station_history(context: Context, system_id: str, given: Arguments) -> Rows:
    given.needed("station")
    station_id = station_of(context, system_id, given) or ""
    start, end = given.instants(MOST_DAYS)
    async for steps in Changes(context, system_id, station_id).steps(start, end):
        yield [_row(step) for step in steps]


def _row(step: Step) -> Row:
    record = step.record
    known: dict[str, Value] = {name: getattr(record, name) for name in HISTORY_COLUMNS if name != "state"}
    if step.is_gap:
        known |= dict.fromkeys(("bikes", "docks", "bikes_disabled", "docks_disabled"))
    return known | {"polled_at": step.since, "state": step.state.value}


async def _ranking(context: Context, system_id: str, given: Arguments) -> Rows:
    metric = StationMetric[given.choice("metric", MEASURES).upper()]
    order = (
        RankOrder[given.choice("order", ("greatest", "least")).upper()] if given.text("order") else RankOrder.GREATEST
    )
    wanted = given.days(ranking.MOST_DAYS)
    ranked = await ranking.rank(context, system_id, metric, wanted[0], wanted[-1], order)
    stations = context.live.systems[system_id].stations
    known = [entry for entry in ranked if entry.station_id in stations]
    yield [
        {"rank": number, "name": stations[entry.station_id].name, **entry._asdict()}
        for number, entry in enumerate(known, start=1)
    ]


HISTORY_COLUMNS: Mapping[str, ColumnType] = {
    "system_id": "text",
    "station_id": "text",
    "polled_at": "timestamp",
    "state": "text",
    "bikes": "long",
    "docks": "long",
    "bikes_disabled": "long",
    "docks_disabled": "long",
    "is_installed": "boolean",
    "is_renting": "boolean",
    "is_returning": "boolean",
    "last_reported": "timestamp",
}

RANKING_COLUMNS: Mapping[str, ColumnType] = {
    "rank": "long",
    "station_id": "text",
    "name": "text",
    "value": "double",
    "coverage": "double",
    "observed_seconds": "double",
}

NETWORK_COLUMNS = {name: kind for name, kind in NETWORK_HISTORY.columns.items() if name != "day"}


def _stations(table: Table, most_days: int) -> Source:
    return Source(table.columns, (*RANGE, "station"), partial(_of_stations, table, most_days))


SOURCES: Mapping[str, Source] = {
    "station-hours": _stations(STATION_HOUR, MOST_HOUR_DAYS_OF_ALL),
    "station-days": _stations(STATION_DAY, MOST_DAYS_OF_ALL),
    "episodes": _stations(STATION_EPISODE, MOST_DAYS_OF_ALL),
    "ranking": Source(RANKING_COLUMNS, (*RANGE, "metric", "order"), _ranking),
    "service-level": Source(
        asked_sources.SERVICE_COLUMNS, (*RANGE, *asked_sources.SERVICE_ARGUMENTS), asked_sources.service_level_rows
    ),
    "typical-week": Source(asked_sources.WEEK_COLUMNS, asked_sources.WEEK_ARGUMENTS, asked_sources.typical_week_rows),
    "station-history": Source(HISTORY_COLUMNS, (*RANGE, "station"), _station_history),
    "network-hours": Source(NETWORK_HOUR.columns, RANGE, _network_hours),
    "network-days": Source(NETWORK_DAY.columns, RANGE, _network_days),
    "network-history": Source(NETWORK_COLUMNS, RANGE, _network_history),
}
"""By the name that the address has for it."""
