"""Relay connections: bounded pages of an ordered list, with cursors that survive inserts and removals."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import strawberry

from backend.scalars import BadInput
from backend.types.field import resolved

MAX_FIRST = 1000

First = Annotated[int, strawberry.argument(description=f"How many at most, from 0 to {MAX_FIRST}.")]
After = Annotated[str | None, strawberry.argument(description="Go on after this cursor, of a page in the same order.")]

Row = TypeVar("Row")
Node = TypeVar("Node")
Key = tuple[str | int | float, ...]


@dataclass(frozen=True)
class Order(Generic[Row]):
    """A total order: ``key`` is unique to its row and holds values of the types in ``shape``."""

    name: str
    shape: tuple[type, ...]
    key: Callable[[Row], Key]

    def cursor(self, row: Row) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.name, *self.key(row)]).encode()).decode()

    def read(self, cursor: str) -> Key:
        """The key in a cursor; raises BadInput for a cursor that this order has not made."""
        try:
            name, *key = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError):
            name, key = None, []
        if name != self.name or tuple(map(type, key)) != self.shape:
            msg = f"after: {cursor[:80]!r} is no cursor of this list in this order."
            raise BadInput(msg)
        return tuple(key)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Up to ``first`` rows in their order, of ``total`` in all, ``skipped`` of them before the page."""

    rows: list[Row]
    order: Order[Row]
    total: int
    skipped: int

    def info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self.skipped + len(self.rows) < self.total,
            has_previous_page=self.skipped > 0,
            start_cursor=self.order.cursor(self.rows[0]) if self.rows else None,
            end_cursor=self.order.cursor(self.rows[-1]) if self.rows else None,
        )


def check_first(first: int) -> None:
    """Raises BadInput when the list would be longer than a list may be."""
    if not 0 <= first <= MAX_FIRST:
        msg = f"first: {first} is not between 0 and {MAX_FIRST}."
        raise BadInput(msg)


def cut(rows: Iterable[Row], order: Order[Row], first: int, after: str | None) -> Page[Row]:
    """The page of ``first`` rows after a cursor; raises BadInput."""
    check_first(first)
    ordered = sorted(rows, key=order.key)
    skipped = 0 if after is None else bisect_right(ordered, order.read(after), key=order.key)
    return Page(ordered[skipped : skipped + first], order, len(ordered), skipped)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more comes after this page.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the page's first entry; null on an empty page.")
    end_cursor: str | None = strawberry.field(
        description="Cursor of the page's last entry, to be given as after for the next page; null on an empty page."
    )


@strawberry.type(description="An entry of a page.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(description="The entry's place in the list.")
    node: Node = strawberry.field(description="The entry itself.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    nodes: list[Node] = strawberry.field(description="The entries of the page, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where the page lies in the list.")
    total_count: int = strawberry.field(description="How many entries the whole list has.")
    cursors: strawberry.Private[Callable[[], list[str]]]

    @resolved("The entries of the page, each with its cursor.")
    def edges(self) -> list[Edge[Node]]:
        return [Edge(cursor=cursor, node=node) for cursor, node in zip(self.cursors(), self.nodes, strict=True)]

    @classmethod
    def of(cls, page: Page[Row], node: Callable[[Row], Node]) -> Connection[Node]:
        """The page as the API answers it, each row made into a node."""
        return cls(
            nodes=[node(row) for row in page.rows],
            page_info=page.info(),
            total_count=page.total,
            cursors=lambda: [page.order.cursor(row) for row in page.rows],
        )
