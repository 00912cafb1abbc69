"""Cursors: what they tell, and which are refused."""

from __future__ import annotations

import base64

import pytest

from backend.cursor import Cursor, CursorRefused, changed_after, cursor_now
from backend.live import LiveTable
from pipeline.model import Topic
from pipeline.ports import TopicPartition
from tests.small_city import NOW, status
from tests.test_live import NEXT, STATUS, first_poll, publish, unchanged

INFORMATION = TopicPartition(Topic.STATION_INFORMATION, 0)


def table_at(position: int, floor: int = 0) -> LiveTable:
    partitions = (STATUS, INFORMATION, TopicPartition(Topic.FEED_STATUS, 0), TopicPartition(Topic.NETWORK_STATUS, 0))
    return LiveTable({"brest": first_poll()}, dict.fromkeys(partitions, position), dict.fromkeys(partitions, floor))


def test_a_cursor_comes_back_as_it_was() -> None:
    cursor = cursor_now(table_at(4), "brest")
    assert Cursor.decode(cursor.encode(), "brest") == cursor
    assert cursor.positions == (("feed_status", 0, 4), ("station_information", 0, 4), ("station_status", 0, 4))


def test_what_changed_after_a_cursor_is_what_changed_from_its_offsets_on() -> None:
    table = table_at(4)
    cursor = cursor_now(table, "brest")
    publish(table.systems["brest"], 4, status("a", 2, 8, NEXT), unchanged("b", 5, 5))
    table.positions = dict.fromkeys(table.positions, 6)
    assert changed_after(table, table.systems["brest"], cursor) == {"a"}
    assert changed_after(table, table.systems["brest"], cursor_now(table, "brest")) == set()


@pytest.mark.parametrize(("position", "floor"), [(4, 5), (3, 0)])
def test_a_cursor_older_than_what_was_read_or_ahead_of_the_log_can_not_be_answered(position: int, floor: int) -> None:
    cursor = cursor_now(table_at(4), "brest")
    table = table_at(position if position < 4 else 6, floor)
    assert changed_after(table, table.systems["brest"], cursor) is None


def test_a_cursor_that_knows_fewer_partitions_than_the_log_can_not_be_answered() -> None:
    table = table_at(4)
    assert changed_after(table, table.systems["brest"], Cursor("brest", NOW, (("station_status", 0, 4),))) is None


@pytest.mark.parametrize("text", ["", "???", "abc", base64.urlsafe_b64encode(b'{"a":1}').decode(), "é"])
def test_what_is_no_cursor_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(CursorRefused) as refused:
        Cursor.decode(text, "brest")
    assert str(refused.value) == (
        f"{text!r} is not a cursor of stationUpdates; leave out `after` to start with everything."
    )


def test_a_cursor_of_another_system_is_refused() -> None:
    with pytest.raises(CursorRefused, match=r"^The cursor belongs to system 'brest', not to 'paris'\.$"):
        Cursor.decode(cursor_now(table_at(4), "brest").encode(), "paris")


def test_an_endless_cursor_is_refused_unread() -> None:
    with pytest.raises(CursorRefused, match=r"^The cursor has 5000 characters; none has more than 4096\.$"):
        Cursor.decode("a" * 5000, "brest")
