"""What is there: systems and the state of their feeds, how far stream and lake are, computed days, sizes on disk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import msgspec

from pipeline import tables
from pipeline.model import FeedState, Topic
from pipeline.ports import Row, Store, behind
from pipeline.settings import Settings
from pipeline.wiring import open_log, open_store

JOBS = ("stream", "lake")
"""The readers of the log whose progress the store keeps."""


class FeedReport(msgspec.Struct, frozen=True):
    """The newest fetch of a feed, as the stream knows it."""

    feed: str
    state: FeedState
    polled_at: datetime
    reason: str | None
    deviations: int


class DayReport(msgspec.Struct, frozen=True):
    """A local day that was computed; ``is_complete`` when it was over by then."""

    date: date
    polls: int
    is_complete: bool


class SystemReport(msgspec.Struct, frozen=True):
    """A system; ``age_seconds`` is how long ago its newest poll was."""

    system_id: str
    name: str
    stations: int
    newest_poll: datetime | None
    age_seconds: float | None
    feeds: tuple[FeedReport, ...]
    days: tuple[DayReport, ...]


class JobReport(msgspec.Struct, frozen=True):
    """How far a job has read the log: records that it has not consumed yet, None when it never ran."""

    job: str
    behind: int | None


class Status(msgspec.Struct, frozen=True):
    """All that is kept; sizes in bytes by name."""

    data: str
    log_end: int
    jobs: tuple[JobReport, ...]
    systems: tuple[SystemReport, ...]
    sizes: dict[str, int]


async def read_status(settings: Settings, now: datetime) -> Status:
    """Reads log and store, and makes neither where there is none. Raises LogError, StoreError."""
    if _is_untouched(settings):
        return Status(str(settings.data), 0, (), (), _sizes(settings))
    async with open_log(settings.log) as log, open_store(settings.store) as store:
        await log.create(list(Topic))
        await store.create(tables.TABLES)
        end = await log.end_offsets(list(Topic))
        systems = await store.read(tables.SYSTEM, ("all",))
        return Status(
            data=str(settings.data),
            log_end=max(end.values(), default=0) if log.has_one_sequence else sum(end.values()),
            jobs=tuple([JobReport(job, behind(await store.offsets(job), end, log)) for job in JOBS]),
            systems=tuple([await _system(store, row, now) for row in systems]),
            sizes=_sizes(settings),
        )


def _is_untouched(settings: Settings) -> bool:
    urls = (settings.log, settings.store)
    return all(_is_here(url) and not _file(url).exists() for url in urls)


async def _system(store: Store, row: Row, now: datetime) -> SystemReport:
    system_id = cast(str, row["system_id"])
    feeds = tuple(_feed(feed) for feed in await store.read(tables.FEED_LATEST, (system_id,)))
    newest = max((feed.polled_at for feed in feeds), default=None)
    return SystemReport(
        system_id=system_id,
        name=cast(str, row["name"]),
        stations=len(await store.read(tables.STATION, (system_id,))),
        newest_poll=newest,
        age_seconds=None if newest is None else round((now - newest).total_seconds(), 1),
        feeds=feeds,
        days=tuple(_day(day) for day in await store.read(tables.BATCH_DAY, (system_id,))),
    )


def _feed(row: Row) -> FeedReport:
    return FeedReport(
        feed=cast(str, row["feed"]),
        state=FeedState(cast(str, row["state"])),
        polled_at=cast(datetime, row["polled_at"]),
        reason=cast("str | None", row["reason"]),
        deviations=cast("int | None", row["deviations"]) or 0,
    )


def _day(row: Row) -> DayReport:
    return DayReport(cast(date, row["date"]), cast(int, row["polls"]), bool(row["is_complete"]))


def _sizes(settings: Settings) -> dict[str, int]:
    """Bytes of what lies on this machine, by what it is."""
    places: Mapping[str, Path] = {
        **{name: _file(url) for name, url in (("log", settings.log), ("store", settings.store)) if _is_here(url)},
        "lake": Path(settings.lake),
    }
    return {name: _bytes(place) for name, place in places.items()}


def _is_here(url: str) -> bool:
    """Whether it lies on this machine, as files."""
    return url.startswith("sqlite:")


def _file(url: str) -> Path:
    return Path(url.partition("://")[2].removeprefix("/"))


def _bytes(place: Path) -> int:
    if place.is_dir():
        return sum(_bytes(inner) for inner in place.iterdir())
    # SQLite keeps its newest writes in files beside the one that is named.
    return sum(file.stat().st_size for file in place.parent.glob(f"{place.name}*") if file.is_file())


def present() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)
