"""The days of the week."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="A day of the week.")
class Weekday(Enum):
    """The values are those of `datetime.date.weekday`."""

    MONDAY = strawberry.enum_value(0, description="Monday.")
    TUESDAY = strawberry.enum_value(1, description="Tuesday.")
    WEDNESDAY = strawberry.enum_value(2, description="Wednesday.")
    THURSDAY = strawberry.enum_value(3, description="Thursday.")
    FRIDAY = strawberry.enum_value(4, description="Friday.")
    SATURDAY = strawberry.enum_value(5, description="Saturday.")
    SUNDAY = strawberry.enum_value(6, description="Sunday.")
