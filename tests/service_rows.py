"""Rows of station_service whose blocks are written in seconds."""

from __future__ import annotations

from pipeline.ports import Row
from pipeline.service_level import Block, hours_text

SECOND = 1_000_000


def service_row(station_id: str, *blocks: Block) -> Row:
    """What the batch keeps of a station's day: local hour, bikes (-1: unknown), docks, seconds."""
    text = hours_text((hour, bikes, docks, seconds * SECOND) for hour, bikes, docks, seconds in blocks)
    return {"station_id": station_id, "hours": text}
