"""The manifest of a computed day: what was read, how far lake and log were, what was made, by which definitions.

It is written after the rows of the day, and taken back before they are replaced: rows whose manifest holds are those
that computing the day again would make.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from importlib.metadata import version
from typing import NamedTuple, TypeVar, cast

import msgspec

from pipeline.inputs import INPUTS, Input
from pipeline.metrics import REVISION
from pipeline.model import Thresholds
from pipeline.past import Past
from pipeline.ports import Offsets, Row, Store
from pipeline.tables import BATCH_DAY

T = TypeVar("T")

_TAKEN_BACK = ""
"""The revision of a manifest that does not hold: the day's rows are being replaced."""


class Position(msgspec.Struct, frozen=True):
    """How far lake and log were ``at`` an instant, by "topic/partition"; what is written later is not known of."""

    at: datetime
    lake: dict[str, int]
    log: dict[str, int]


class Manifest(NamedTuple):
    """What is noted of a day; ``inputs`` is None when it was not over, both it and ``position`` of older versions."""

    computed_at: datetime
    polls: int
    records: int
    is_complete: bool
    revision: str | None
    inputs: Mapping[str, Input] | None
    position: Position | None

    @property
    def is_settled(self) -> bool:
        """Whether the day was over when it was computed, and its rows are there as a whole."""
        return self.is_complete and self.revision != _TAKEN_BACK

    def may_hold(self, revision: str) -> bool:
        """Whether the rows are those of the whole day by these definitions, if nothing was recorded since."""
        return self.is_complete and self.revision == revision

    def is_at(self, position: Position) -> bool:
        """Whether lake and log are where they were."""
        return self.position is not None and (self.position.lake, self.position.log) == (position.lake, position.log)


def revision_of(thresholds: Thresholds) -> str:
    """The definitions that figures are made by: of the metrics, and the thresholds that they count with."""
    limits = (f"{name}={value:g}" for name, value in msgspec.structs.asdict(thresholds).items())
    return " ".join([REVISION, *limits])


def position_of(past: Past, at: datetime) -> Position:
    """``at`` is an instant before the past was opened."""
    return Position(at, _by_place(past.start), _by_place(past.end))


def _by_place(offsets: Offsets) -> dict[str, int]:
    places = sorted(place for place in offsets if place.topic in INPUTS)
    return {f"{place.topic}/{place.partition}": offsets[place] for place in places}


async def read_manifest(store: Store, system_id: str, day: date) -> Manifest | None:
    """What is noted of the day; None when it was never computed."""
    found = await store.read(BATCH_DAY, (system_id,), lower=day, upper=day + timedelta(days=1))
    return manifest_of(found[0]) if found else None


def manifest_of(row: Row) -> Manifest:
    """A row of the table batch_day."""
    return Manifest(
        cast(datetime, row["computed_at"]),
        cast(int, row["polls"]),
        cast(int, row["records"]),
        bool(row["is_complete"]),
        cast("str | None", row["revision"]),
        _decoded(row["inputs"], dict[str, Input]),
        _decoded(row["offsets"], Position),
    )


def _decoded(text: object, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(str(text), type=kind)


def manifest_row(system_id: str, day: date, manifest: Manifest, rows: Mapping[str, int]) -> Row:
    """The manifest as a row of batch_day; ``rows`` counts those that were made, by table."""
    return {
        "system_id": system_id,
        "date": day,
        "computed_at": manifest.computed_at,
        "records": manifest.records,
        "polls": manifest.polls,
        "is_complete": manifest.is_complete,
        "version": version("bikewire"),
        "revision": manifest.revision,
        "inputs": _text(manifest.inputs),
        "offsets": _text(manifest.position),
        "rows": _text(rows),
    }


def _text(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def take_back(store: Store, system_id: str, day: date) -> None:
    """Let the day's manifest hold no more."""
    await store.write({BATCH_DAY: [{"system_id": system_id, "date": day, "revision": _TAKEN_BACK}]})


async def move_on(store: Store, system_id: str, day: date, position: Position) -> None:
    """Note that the manifest was found to hold at this position too."""
    await store.write({BATCH_DAY: [{"system_id": system_id, "date": day, "offsets": _text(position)}]})
