"""The CQL of a table in each of its three shapes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pipeline.adapters import cassandra_tables
from pipeline.adapters.checks import Select
from pipeline.ports import StoreError, Value
from pipeline.tables import TABLES, Table

NOON = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)
MILLISECONDS = 1_795_262_400_123

HISTORY = Table(
    "history",
    "A station's past.",
    {"id": "text", "day": "date", "at": "timestamp", "full": "long"},
    partition=("id", "day"),
    clustering=("at",),
    ttl_days=400,
)
LATEST = Table(
    "latest",
    "Newest rows.",
    {"id": "text", "token": "text", "at": "timestamp", "open": "boolean"},
    partition=("id",),
    clustering=("token",),
    newest_by="at",
)
FIGURES = Table(
    "figures", "Figures.", {"id": "text", "hour": "long", "mean": "double"}, ("id",), ("hour",), is_replaced=True
)


def whole(table: Table, partition: tuple[Value, ...]) -> Select:
    return Select(partition, (), None, None, None, False, tuple(table.columns))


def test_a_history_has_a_cell_per_column_and_expires_file_by_file() -> None:
    assert cassandra_tables.creation("k", HISTORY) == (
        'CREATE TABLE IF NOT EXISTS "k"."history" ("id" text, "day" date, "at" timestamp, "full" bigint,'
        ' PRIMARY KEY (("id", "day"), "at")) WITH compaction = {\'class\': \'TimeWindowCompactionStrategy\','
        " 'compaction_window_unit': 'DAYS', 'compaction_window_size': 10} AND gc_grace_seconds = 86400"
        " AND default_time_to_live = 34560000 AND comment = 'A station''s past.'"
    )
    assert cassandra_tables.insert_cql("k", HISTORY) == (
        'INSERT INTO "k"."history" ("id", "day", "at", "full") VALUES (?, ?, ?, ?)'
    )
    row: dict[str, Value] = {"id": "1", "day": date(2026, 11, 21), "at": NOON, "full": None}
    assert cassandra_tables.insert_values(HISTORY, row, 0, "unset") == (
        "1",
        date(2026, 11, 21),
        MILLISECONDS,
        "unset",
    )


def test_newest_rows_are_one_cell_written_under_their_own_time() -> None:
    assert cassandra_tables.type_creation("k", LATEST) == (
        'CREATE TYPE IF NOT EXISTS "k"."latest_row" ("at" timestamp, "open" boolean)'
    )
    assert cassandra_tables.creation("k", LATEST).startswith(
        'CREATE TABLE IF NOT EXISTS "k"."latest" ("id" text, "token" text, "newest" frozen<"latest_row">,'
        " PRIMARY KEY ((\"id\"), \"token\")) WITH compaction = {'class': 'UnifiedCompactionStrategy',"
        " 'scaling_parameters': 'L10'}"
    )
    assert cassandra_tables.insert_cql("k", LATEST) == (
        'INSERT INTO "k"."latest" ("id", "token", "newest") VALUES (?, ?, {"at": ?, "open": ?}) USING TIMESTAMP ?'
    )
    assert cassandra_tables.insert_values(LATEST, {"id": "1", "token": "x", "at": NOON}, 0, "unset") == (
        *("1", "x", MILLISECONDS, None),
        1000 * MILLISECONDS,
    )


def test_replaced_partitions_lie_in_generations() -> None:
    assert ' PRIMARY KEY (("id", "generation"), "hour")' in cassandra_tables.creation("k", FIGURES)
    assert cassandra_tables.insert_values(FIGURES, {"id": "1", "hour": 2, "mean": 3}, 7, "unset") == ("1", 7, 2, 3.0)
    assert cassandra_tables.select("k", FIGURES, whole(FIGURES, ("1",)), 7) == (
        'SELECT "id", "hour", "mean" FROM "k"."figures" WHERE "id" = ? AND "generation" = ?',
        ("1", 7),
    )
    assert cassandra_tables.drop_cql("k", "figures", ("id",)) == (
        'DELETE FROM "k"."figures" WHERE "id" = ? AND "generation" = ?'
    )


def test_a_range_is_compared_ordered_and_limited_by_the_server() -> None:
    day = whole(HISTORY, ("1", date(2026, 11, 21)))
    read = day._replace(lower=NOON, limit=2**40, newest_first=True, columns=("full",))
    assert cassandra_tables.select("k", HISTORY, read) == (
        'SELECT "full" FROM "k"."history" WHERE "id" = ? AND "day" = ? AND "at" >= ? ORDER BY "at" DESC LIMIT ?',
        ("1", date(2026, 11, 21), MILLISECONDS, 2**31 - 1),
    )


def test_of_newest_rows_the_whole_cell_is_read_unless_the_key_is_enough() -> None:
    assert cassandra_tables.selected(LATEST, ("open", "token")) == ["token", "newest"]
    assert cassandra_tables.selected(LATEST, ("token",)) == ["token"]


def test_columns_that_an_older_table_lacks_are_added_to_it_or_to_its_cell() -> None:
    assert cassandra_tables.additions("k", HISTORY, {"id", "day", "at"}) == [
        'ALTER TABLE "k"."history" ADD IF NOT EXISTS "full" bigint'
    ]
    assert cassandra_tables.additions("k", LATEST, {"open"}) == [
        'ALTER TYPE "k"."latest_row" ADD IF NOT EXISTS "at" timestamp'
    ]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(StoreError, match=f"^{value} does not fit into 64 bits"):
        cassandra_tables.encode(HISTORY, "full", value)


def test_text_that_is_none_is_refused() -> None:
    with pytest.raises(StoreError, match="is no text that can be stored"):
        cassandra_tables.encode(LATEST, "id", "\ud800")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_no_table_of_ours_takes_the_names_that_its_shape_needs_or_mixes_two_shapes(table: Table) -> None:
    assert not {cassandra_tables.NEWEST, cassandra_tables.GENERATION} & set(table.columns)
    assert not (table.newest_by and (table.is_replaced or table.newest_by in table.key))


def test_a_table_with_a_time_to_live_is_cut_into_a_bounded_number_of_files() -> None:
    for days in (1, 40, 41, 400, 4000):
        created = cassandra_tables.creation("k", replace(HISTORY, ttl_days=days))
        window = int(created.split("'compaction_window_size': ")[1].split("}")[0])
        assert 1 <= days / window <= cassandra_tables.MOST_WINDOWS
