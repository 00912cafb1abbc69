"""The root of all queries."""

from __future__ import annotations

from typing import Annotated

import strawberry

from backend.context import Context
from backend.selection import fold
from backend.types.field import resolved
from backend.types.station import Info
from backend.types.system import System
from backend.view import View


@strawberry.type(description="Where every query begins.")
class Query:
    @resolved("All systems whose system_information was read, by name.")
    def systems(self, info: Info) -> list[System]:
        found = [find_system(info.context, system_id) for system_id in info.context.live.systems]
        return sorted(filter(None, found), key=lambda system: (fold(system.name), system.id))

    @resolved("The system of this id; null when there is none.")
    def system(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The system's id.")]
    ) -> System | None:
        return find_system(info.context, id)


def find_system(context: Context, system_id: str) -> System | None:
    """The system as it is now; None when it is not known or has not said yet what it is."""
    live = context.live.systems.get(system_id)
    if live is None or live.information is None:
        return None
    return System.of(View.of(context, system_id), live.information)
