"""DateTime and Date as the API reads and writes them, and the one error for input that breaks a rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

FIRST_YEAR, LAST_YEAR = 1970, 2199

Moment = TypeVar("Moment", date, datetime)


class BadInput(GraphQLError):
    """An argument that breaks a rule; the message is one sentence with the value and the rule."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_INPUT"})


def parse_instant(value: object) -> datetime:
    """The instant in UTC; raises BadInput for anything but an ISO 8601 time with its offset."""
    instant = _from_iso(datetime, value, "an ISO 8601 time such as 2026-11-20T18:00:00Z")
    if instant.tzinfo is None:
        msg = f"DateTime: {_shown(value)} has no offset from UTC; write 2026-11-20T18:00:00Z or …+01:00."
        raise BadInput(msg)
    _check_year(instant, value, "DateTime")
    return instant.astimezone(UTC)


def parse_date(value: object) -> date:
    """The calendar day; raises BadInput for anything but YYYY-MM-DD."""
    day = _from_iso(date, value, "a day such as 2026-11-20")
    _check_year(day, value, "Date")
    return day


def print_instant(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _from_iso(kind: type[Moment], value: object, rule: str) -> Moment:
    try:
        return kind.fromisoformat(value)  # type: ignore[arg-type]  # what is not text raises TypeError
    except (TypeError, ValueError):
        name = "DateTime" if kind is datetime else "Date"
        msg = f"{name}: {_shown(value)} is not {rule}."
        raise BadInput(msg) from None


def _shown(value: object) -> str:
    return repr(value)[:80]


def _check_year(moment: date, value: object, name: str) -> None:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        msg = f"{name}: {_shown(value)} is not between the years {FIRST_YEAR} and {LAST_YEAR}."
        raise BadInput(msg)


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant in ISO 8601 with an offset; answers are in UTC with milliseconds.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=print_instant,
        parse_value=parse_instant,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A local day of the system, in its own time zone: 2026-11-20.",
        serialize=date.isoformat,
        parse_value=parse_date,
    ),
}
