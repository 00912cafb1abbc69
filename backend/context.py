"""What every resolver may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backend.live import LiveTable
from pipeline.ports import Store
from pipeline.settings import Settings


@dataclass(frozen=True)
class Context:
    """The live table, the store behind it, the settings, and the clock (aware, UTC)."""

    live: LiveTable
    store: Store
    settings: Settings
    clock: Callable[[], datetime]
