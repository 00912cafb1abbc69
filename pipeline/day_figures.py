"""The figures of one local day of one system: computed by Spark from the past, kept in the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.aggregates import (
    Figures,
    network_day_row,
    network_figures,
    station_day_rows,
    station_figures,
    station_hour_rows,
)
from pipeline.days import LocalDay, LocalHour
from pipeline.model import Topic
from pipeline.past import Past
from pipeline.pieces import (
    Span,
    distinct_observations,
    network_pieces,
    observing_polls,
    poll_pieces,
    span_rows,
    station_pieces,
)
from pipeline.ports import Row, Store
from pipeline.tables import NETWORK_DAY, STATION_DAY, STATION_HOUR

TOPICS = (Topic.STATION_STATUS, Topic.FEED_STATUS)
"""What the figures are made from."""

LONGEST_HOLD = timedelta(days=1)
"""How far before the day its polls are looked for: no observation is trusted for longer."""


class DayFigures(NamedTuple):
    """Rows of station_hour, station_day and network_day; all empty when nothing was observed.

    ``polls`` and ``records`` are those of the day itself, without what holds into it.
    """

    hours: Sequence[Row] = ()
    stations: Sequence[Row] = ()
    network: Sequence[Row] = ()
    polls: int = 0
    records: int = 0
    coverage: float = 0.0


def figures_of_day(past: Past, system_id: str, day: LocalDay, until: datetime) -> DayFigures:
    """The figures of the day up to ``until``, by three Spark jobs over the records that reach into it."""
    hours = [hour for hour in day.hours() if hour.start < until]
    pieces = _pieces(past, system_id, day, hours, until)
    if not pieces.num_rows:
        return DayFigures()
    # The first poll that matters: the one that holds into the day, if any.
    since = pc.min(pieces["polled_at"]).as_py()
    observations = distinct_observations(past.records(Topic.STATION_STATUS, system_id, since, until))
    local = past.spark.createDataFrame(pieces)
    stations = station_figures(station_pieces(observations, local)).toArrow().to_pylist()
    whole_day = network_pieces(observations, local.where(local.span == len(hours)))
    (network,) = network_figures(whole_day).toArrow().to_pylist()
    return _figures(day, hours, stations, network)


def _pieces(past: Past, system_id: str, day: LocalDay, hours: Sequence[LocalHour], until: datetime) -> pa.Table:
    """The pieces of the polls, over the hours and then the whole day: a few thousand rows."""
    spans = span_rows(past.spark, [*(Span(hour.start, hour.end) for hour in hours), Span(day.start, day.end)], until)
    feed_statuses = past.records(Topic.FEED_STATUS, system_id, day.start - LONGEST_HOLD, until)
    return poll_pieces(observing_polls(feed_statuses), spans).toArrow()


def _figures(day: LocalDay, hours: Sequence[LocalHour], stations: Sequence[Figures], network: Figures) -> DayFigures:
    """``span`` is the place of the hour in ``hours``, or one more for the day."""
    return DayFigures(
        station_hour_rows(day, hours, [row for row in stations if row["span"] < len(hours)]),
        station_day_rows(day, [row for row in stations if row["span"] == len(hours)]),
        [network_day_row(day, network)],
        network["polls"],
        network["records"],
        network["coverage"],
    )


async def keep(store: Store, system_id: str, day: LocalDay, figures: DayFigures) -> None:
    """Make the store's rows of the day exactly these."""
    partition = [(system_id, day.date)]
    await store.replace(
        {STATION_HOUR: partition, STATION_DAY: partition},
        {STATION_HOUR: figures.hours, STATION_DAY: figures.stations},
    )
    old = await store.read(NETWORK_DAY, (system_id,), lower=day.date, upper=day.date + timedelta(days=1))
    if _known(old) <= _known(figures.network):
        await store.write({NETWORK_DAY: figures.network})
        return
    # An upsert can't remove a row or make a value unknown. All days of a system are one partition.
    others = [row for row in await store.read(NETWORK_DAY, (system_id,)) if row["date"] != day.date]
    await store.replace({NETWORK_DAY: [(system_id,)]}, {NETWORK_DAY: [*others, *figures.network]})


def _known(rows: Sequence[Row]) -> set[str]:
    """The columns that have a value."""
    return {name for row in rows for name, value in row.items() if value is not None}
