"""The arguments in the address of an export, each refused in a sentence where it breaks a rule."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from starlette.datastructures import QueryParams

from backend import ranges
from backend.context import Context
from backend.scalars import BadInput, parse_date, parse_instant


class Arguments:
    """What was given, by name; only names in ``takes`` may be, and each once. Every method raises BadInput."""

    def __init__(self, given: QueryParams, takes: Collection[str]) -> None:
        for name in given:
            if name not in takes:
                msg = f"{name}: there is no such argument here; there are {', '.join(takes)}."
                raise BadInput(msg)
            if len(given.getlist(name)) > 1:
                msg = f"{name}: is given {len(given.getlist(name))} times; once is enough."
                raise BadInput(msg)
        self._given = dict(given)

    def text(self, name: str) -> str | None:
        """The argument as it was written; None when it was not given, or is empty."""
        return self._given.get(name) or None

    def needed(self, name: str) -> str:
        """The argument, which has to be given."""
        text = self.text(name)
        if text is None:
            msg = f"{name}: is missing."
            raise BadInput(msg)
        return text

    def days(self, most: int) -> list[date]:
        """The local days from ``from`` to ``to``, both included; at most so many."""
        return ranges.days(parse_date(self.needed("from")), parse_date(self.needed("to")), most)

    def instants(self, most_days: int) -> tuple[datetime, datetime]:
        """``from``, included, and ``to``, excluded; at most so many days apart."""
        start, end = parse_instant(self.needed("from")), parse_instant(self.needed("to"))
        ranges.check_instants(start, end, most_days)
        return start, end

    def choice(self, name: str, of: Collection[str]) -> str:
        """The argument, which has to be one of these, in any case."""
        text = self.needed(name)
        if text.lower() not in of:
            msg = f"{name}: {text[:80]!r} is none of {', '.join(of)}."
            raise BadInput(msg)
        return text.lower()

    def whole(self, name: str, default: int) -> int:
        """The argument as a whole number."""
        text = self.text(name)
        try:
            return default if text is None else int(text)
        except ValueError:
            msg = f"{name}: {self._given[name][:80]!r} is not a whole number."
            raise BadInput(msg) from None

    def number(self, name: str, default: float) -> float:
        """The argument as a decimal number."""
        text = self.text(name)
        try:
            return default if text is None else float(text)
        except ValueError:
            msg = f"{name}: {self._given[name][:80]!r} is not a number."
            raise BadInput(msg) from None

    def values(self) -> list[str]:
        """All that was given, as it was written."""
        return list(self._given.values())


def station_of(context: Context, system_id: str, given: Arguments) -> str | None:
    """The argument ``station``, None when it was not given; raises BadInput unless the system declared it."""
    station_id = given.text("station")
    if station_id is not None and station_id not in context.live.systems[system_id].stations:
        msg = f"station: {station_id[:80]!r} is no station of {system_id}."
        raise BadInput(msg)
    return station_id
