import base64
import json
from collections.abc import Iterable

import pytest

from backend.pagination import MAX_FIRST, Connection, Edge, Order, Page, PageInfo, cut
from backend.scalars import BadInput

WORDS = Order[str]("words", (int, str), lambda word: (len(word), word))


def pages(words: Iterable[str], first: int, after: str | None = None) -> list[list[str]]:
    page = cut(words, WORDS, first, after)
    following = page.info().end_cursor
    return [page.rows] + (pages(words, first, following) if page.info().has_next_page else [])


def test_pages_follow_each_other_without_overlap_or_gap() -> None:
    assert pages(["ccc", "a", "bb", "b", "dd"], 2) == [["a", "b"], ["bb", "dd"], ["ccc"]]


def test_a_cursor_survives_inserts_and_the_removal_of_its_own_entry() -> None:
    cursor = cut(["a", "b", "c"], WORDS, 2, None).info().end_cursor
    assert cut(["a", "aa", "c", "A"], WORDS, 9, cursor).rows == ["c", "aa"]


def test_a_page_says_where_it_lies() -> None:
    page = cut(["a", "b", "c", "d"], WORDS, 2, WORDS.cursor("a"))
    assert page == Page(["b", "c"], WORDS, total=4, skipped=1)
    assert page.info() == PageInfo(
        has_next_page=True,
        has_previous_page=True,
        start_cursor=WORDS.cursor("b"),
        end_cursor=WORDS.cursor("c"),
    )


def test_no_entries_make_an_empty_page_without_cursors() -> None:
    info = cut([], WORDS, 5, None).info()
    assert info == PageInfo(has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None)


def test_the_first_none_of_many_still_says_how_many_there_are() -> None:
    connection = Connection.of(cut(["a", "b"], WORDS, 0, None), str.upper)
    assert (connection.nodes, connection.total_count, connection.page_info.has_next_page) == ([], 2, True)


def test_a_connection_has_nodes_and_edges_with_cursors() -> None:
    connection = Connection.of(cut(["b", "a"], WORDS, 2, None), str.upper)
    assert connection.nodes == ["A", "B"]
    assert [(edge.cursor, edge.node) for edge in edges(connection)] == [
        (WORDS.cursor("a"), "A"),
        (WORDS.cursor("b"), "B"),
    ]


def edges(connection: Connection[str]) -> list[Edge[str]]:
    return Connection.edges(connection)


@pytest.mark.parametrize("first", [-1, MAX_FIRST + 1])
def test_a_page_too_long_is_refused(first: int) -> None:
    with pytest.raises(BadInput, match=rf"^first: {first} is not between 0 and 1000\.$"):
        cut(["a"], WORDS, first, None)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "a",
        "é",
        "AAAA",
        encoded(1),
        encoded([]),
        encoded(["others", 1, "a"]),
        encoded(["words", "a", 1]),
        encoded(["words", True, "a"]),
        encoded(["words", 1]),
        encoded(["words", 1, "a", "b"]),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
    ],
)
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput) as refused:
        cut(["a"], WORDS, 1, cursor)
    assert refused.value.message == f"after: {cursor[:80]!r} is no cursor of this list in this order."
