"""What a station was seen to hold, as the batch last computed it."""

from __future__ import annotations

from typing import NamedTuple


class SeenCapacity(NamedTuple):
    """In docks (None: nothing was seen), and whether the declared capacity is a placeholder (None: not known)."""

    docks: int | None
    is_placeholder: bool | None = None


UNSEEN = SeenCapacity(None)
