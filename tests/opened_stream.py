"""A stream on a log and a store in a folder, as tests drive it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anyio.from_thread import BlockingPortal

from pipeline.model import Topic
from pipeline.ports import Log, Store
from pipeline.resident import catch_up
from pipeline.settings import Settings
from pipeline.stream import Stream
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Place(NamedTuple):
    settings: Settings
    log: Log
    store: Store
    stream: Stream


@asynccontextmanager
async def opened(spark: SparkSession, folder: Path) -> AsyncIterator[Place]:
    settings = Settings.read(data=folder)
    async with open_log(settings.log) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(settings, log, store, Stream(spark, settings, log, store, portal))


async def caught_up(spark: SparkSession, place: Place) -> None:
    await catch_up(place.stream, spark, place.settings, place.log, place.store)
