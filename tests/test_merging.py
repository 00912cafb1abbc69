"""What several rows of one key come to."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.adapters.merging import by_partition, is_partial, merged, newest
from pipeline.ports import Row, Value
from pipeline.tables import Table

TABLE = Table(
    "t",
    "A table.",
    {"part": "text", "id": "text", "at": "timestamp", "a": "long", "b": "long"},
    partition=("part",),
    clustering=("id",),
    newest_by="at",
)


def row(id_: str, minute: int, **values: Value) -> Row:
    return {"part": "p", "id": id_, "at": datetime(2026, 11, 21, 12, minute, tzinfo=UTC), **values}


def test_rows_are_sorted_into_their_partitions_in_their_order() -> None:
    other = {**row("1", 0), "part": "q"}
    assert by_partition(TABLE, [row("2", 0), other, row("1", 0)]) == {
        ("p",): [row("2", 0), row("1", 0)],
        ("q",): [other],
    }


def test_merging_keeps_the_last_known_value_of_each_column() -> None:
    rows = [row("1", 0, a=1, b=2), row("2", 0, a=None), row("1", 1, a=3, b=None)]
    assert merged(TABLE, rows) == [row("1", 1, a=3, b=2), row("2", 0)]


def test_a_row_that_leaves_a_column_out_is_partial_and_one_that_does_not_know_it_is_not() -> None:
    assert not is_partial(TABLE, [row("1", 0, a=1, b=None)])
    assert is_partial(TABLE, [row("1", 0, a=1, b=None), row("2", 0, a=1)])


def test_the_newest_row_stands_as_a_whole_and_keeps_only_what_it_leaves_out() -> None:
    held = [row("1", 1, a=1, b=1), row("2", 1, a=1, b=1), row("3", 9, a=1, b=1)]
    given = [row("1", 2, a=None, b=5), row("2", 2, b=5), row("3", 2, a=7, b=7), row("4", 3, a=4), row("4", 2, a=3, b=3)]
    assert newest(TABLE, held, given) == [
        row("1", 2, a=None, b=5),
        row("2", 2, a=1, b=5),
        row("4", 3, a=4),
    ]


def test_of_two_rows_of_one_instant_the_later_one_wins() -> None:
    assert newest(TABLE, (), [row("1", 1, a=9, b=1), row("1", 1, a=1, b=None)]) == [row("1", 1, a=1, b=None)]
