"""What one micro-batch of the log means for the store: one Spark query, one action, rows by table.

Every result depends on single records or on single polls, never on where a micro-batch begins or ends.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.decode import FIELDS
from pipeline.model import NetworkStatus, Thresholds, Topic
from pipeline.network import torn_sql, totals_sql
from pipeline.ports import Offsets, Row, TopicPartition
from pipeline.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LATEST: dict[Topic, Table] = {
    Topic.SYSTEM_INFORMATION: tables.SYSTEM,
    Topic.STATION_INFORMATION: tables.STATION,
    Topic.STATION_STATUS: tables.STATION_LATEST,
    Topic.VEHICLE_STATUS: tables.VEHICLE_LATEST,
    Topic.FEED_STATUS: tables.FEED_LATEST,
}
"""The topics that the stream reads, and the table that keeps the newest record of each of their entities."""

TOPICS = tuple(LATEST)

_NETWORK_FIELDS = {field.name: field.type for field in FIELDS[Topic.NETWORK_STATUS]}

_BATCH = "batch"
_LATEST = "latest"
_CHANGED = "changed"
_NETWORK = "network"
_TORN = "torn"

_IS_HISTORY = f"""topic = '{Topic.STATION_STATUS}' AND problem IS NULL AND (
    record.changed OR record.seen_before IS NULL
    OR unix_micros(polled_at) > unix_micros(record.seen_before) + record.hold_seconds * 1000000)"""
"""A record that changed, or the first after a gap: said by the record alone."""

_QUERY = """
SELECT '{latest}' AS kind, topic, partition, max(offset) AS offset, count(*) AS records, max(problem) AS problem,
    max(appended_at) AS appended_at,
    max_by(IF(problem IS NULL, record, NULL), struct(polled_at, offset)) AS record, NULL AS network
FROM {batch} GROUP BY topic, partition, problem IS NULL, system_id, entity
UNION ALL
SELECT '{changed}', topic, partition, offset, 1, NULL, appended_at, record, NULL FROM {batch} WHERE {is_history}
UNION ALL
SELECT '{network}', NULL, NULL, NULL, 1, NULL, NULL, NULL,
    CAST(struct(totals.*) AS struct<{network_fields}>) FROM ({totals}) AS totals"""

_TORN_QUERY = """
UNION ALL
SELECT '{torn}', topic, partition, first, 1, NULL, NULL, NULL, named_struct({poll_fields}) FROM ({polls})"""


class Refused(NamedTuple):
    """How many values of a topic did not decode, and the problem of one of them."""

    topic: str
    values: int
    example: str


Poll = tuple[str, datetime]
"""A poll, by its system and instant."""


class Results(NamedTuple):
    """``rows`` to upsert, in log order; ``networks`` to publish; ``offsets`` to go on from once that is done.

    ``torn`` are the polls of which the micro-batch lacks something, each with the offsets of what it has of them.
    """

    rows: Mapping[Table, Sequence[Row]]
    networks: Sequence[NetworkStatus]
    offsets: Offsets
    records: int
    appended_at: datetime | None
    refused: Sequence[Refused]
    torn: Mapping[Poll, Offsets] = {}

    def without(self, polls: Container[Poll]) -> Results:
        """The results without the totals of these polls."""
        history = [row for row in self.rows.get(tables.NETWORK_HISTORY, ()) if _poll(row) not in polls]
        networks = [network for network in self.networks if (network.system_id, network.polled_at) not in polls]
        rows = {**self.rows, tables.NETWORK_HISTORY: history}
        return self._replace(rows={table: given for table, given in rows.items() if given}, networks=networks)


def results_of(batch: DataFrame, thresholds: Thresholds, *, find_torn: bool = False) -> DataFrame:
    """All results of a micro-batch of `pipeline.decode.decoded` rows, one kind of result under the other.

    The batch is read three times (four, to ``find_torn`` polls), so it should be kept somewhere.
    """
    good = f"(SELECT * FROM {_BATCH} WHERE problem IS NULL)"
    # The cast makes the counts nullable: Arrow refuses the null rows above a struct of counts that are never null.
    network_fields = ", ".join(f"{name}: {kind}" for name, kind in _NETWORK_FIELDS.items())
    query = _QUERY.format(
        batch=_BATCH,
        latest=_LATEST,
        changed=_CHANGED,
        network=_NETWORK,
        is_history=_IS_HISTORY,
        network_fields=network_fields,
        totals=totals_sql(good, thresholds),
    )
    if find_torn:
        poll_fields = ", ".join(
            f"'{name}', {name if name in ('system_id', 'polled_at') else f'CAST(NULL AS {kind})'}"
            for name, kind in _NETWORK_FIELDS.items()
        )
        query += _TORN_QUERY.format(torn=_TORN, poll_fields=poll_fields, polls=torn_sql(good))
    # Not as sql(query, batch=batch): that drops its view at once, and with the view what was persisted.
    batch.createOrReplaceTempView(_BATCH)
    return batch.sparkSession.sql(query)


def read_results(results: pa.Table) -> Results:
    """The collected rows of `results_of`."""
    latest = _of_kind(results, _LATEST)
    groups = latest.drop_columns(["record", "network"]).to_pylist()
    changed = _of_kind(results, _CHANGED).sort_by("offset")
    totals = _columns(_of_kind(results, _NETWORK), "network", _NETWORK_FIELDS)
    rows = {table: _latest_rows(latest, topic) for topic, table in LATEST.items()}
    rows[tables.STATION_HISTORY] = [
        row | {"month": row["polled_at"].year * 100 + row["polled_at"].month}
        for row in _columns(changed, "record", tables.STATION_HISTORY.columns)
    ]
    rows[tables.NETWORK_HISTORY] = [row | {"day": row["polled_at"].date()} for row in totals]
    return Results(
        {table: given for table, given in rows.items() if given},
        [NetworkStatus(**row) for row in sorted(totals, key=itemgetter("polled_at"))],
        _offsets(groups),
        sum(group["records"] for group in groups),
        max((group["appended_at"] for group in groups), default=None),
        _refused(groups),
        _torn(_of_kind(results, _TORN)),
    )


def _torn(found: pa.Table) -> Mapping[Poll, Offsets]:
    """Polls, each with the offset of its first record in each topic."""
    polls: dict[Poll, dict[TopicPartition, int]] = {}
    keys = _columns(found, "network", ("system_id", "polled_at"))
    for key, part in zip(keys, found.select(["topic", "partition", "offset"]).to_pylist(), strict=True):
        polls.setdefault(_poll(key), {})[TopicPartition(part["topic"], part["partition"])] = part["offset"]
    return polls


def _poll(row: Mapping[str, Any]) -> Poll:
    return row["system_id"], row["polled_at"]


def _of_kind(results: pa.Table, kind: str) -> pa.Table:
    return results.filter(pc.equal(results["kind"], pa.scalar(kind)))


def _latest_rows(latest: pa.Table, topic: Topic) -> list[dict[str, Any]]:
    is_good = pc.and_(pc.equal(latest["topic"], pa.scalar(str(topic))), pc.is_null(latest["problem"]))
    rows = _columns(latest.filter(is_good), "record", LATEST[topic].columns)
    # The one partition of this table; every system is in it.
    return [row | {"part": "all"} for row in rows] if topic is Topic.SYSTEM_INFORMATION else rows


def _columns(results: pa.Table, structs: str, names: Container[str]) -> list[dict[str, Any]]:
    """The structs in a column as rows, with those of their fields that are named."""
    found: Any = results[structs].combine_chunks()
    wanted = [field.name for field in found.type if field.name in names]
    values = zip(*(_values(found.field(name)) for name in wanted), strict=True)
    return [dict(zip(wanted, row, strict=True)) for row in values]


def _values(column: pa.Array[Any]) -> list[Any]:
    """Its values; instants are made once each, since the records of a poll share theirs."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    encoded = column.dictionary_encode()
    instants = [*encoded.dictionary.to_pylist(), None]
    return [instants[-1 if place is None else place] for place in encoded.indices.to_pylist()]


def _offsets(groups: Sequence[Mapping[str, Any]]) -> Offsets:
    ends: dict[TopicPartition, int] = {}
    for group in groups:
        place = TopicPartition(group["topic"], group["partition"])
        ends[place] = max(ends.get(place, 0), group["offset"] + 1)
    return ends


def _refused(groups: Sequence[Mapping[str, Any]]) -> list[Refused]:
    bad = sorted((group for group in groups if group["problem"]), key=itemgetter("topic"))
    by_topic = {topic: list(found) for topic, found in groupby(bad, itemgetter("topic"))}
    return [
        Refused(topic, sum(group["records"] for group in found), found[0]["problem"])
        for topic, found in by_topic.items()
    ]
