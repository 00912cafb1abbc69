"""A poll whose topics come to the stream one after the other comes to the same as one that comes whole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from anyio.from_thread import BlockingPortal

from pipeline import torn_polls
from pipeline.decode import records
from pipeline.model import Record, Topic
from pipeline.ports import Log, LogError, Offsets, Store
from pipeline.results import TOPICS
from pipeline.settings import Settings
from pipeline.stream import JOB, Stream
from pipeline.tables import NETWORK_HISTORY, TABLES
from pipeline.wiring import open_log, open_store
from tests.made_polls import MINUTE, START, feed, log_records, poll, rows, vehicle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

ODD = "l'île \\ d'Yeu"
SYSTEMS = ("brest", ODD)
FIRST_PARTS = {
    "stations": (Topic.STATION_STATUS,),
    "feeds": (Topic.FEED_STATUS,),
    "all but vehicles": (Topic.STATION_STATUS, Topic.FEED_STATUS),
    "all but feeds": (Topic.STATION_STATUS, Topic.VEHICLE_STATUS),
}

Totals = list[dict[str, Any]]


class Place(NamedTuple):
    log: Log
    store: Store
    stream: Stream

    def caught_up(self) -> None:
        """Take all that is in the log, but leave what waits."""
        self.stream.start(available_now=True).awaitTermination()

    async def totals(self) -> Totals:
        return [row for system in SYSTEMS for row in await rows(self.store, NETWORK_HISTORY, system, START.date())]


@asynccontextmanager
async def opened(spark: SparkSession, url: str, folder: Path) -> AsyncIterator[Place]:
    settings = Settings.read(data=folder, log=url)
    async with open_log(url) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(list(Topic))
        await store.create(TABLES)
        yield Place(log, store, Stream(spark, settings, log, store, portal))


def made(number: int, system: str = "brest") -> list[Record]:
    """A poll of three stations and two vehicles."""
    at, more = START + number * MINUTE, {"system_id": system}
    counts = {name: (number + index, 9 - number) for index, name in enumerate("abc")}
    _, *stations = poll(at, counts, **more)
    return [
        feed("station_status", at, entities=3, entities_expected=3, **more),
        *stations,
        feed("vehicle_status", at, entities=2, **more),
        vehicle("v", "a", at, **more),
        vehicle("w", None, at, **more),
    ]


def cut(ends: Mapping[Topic, Offsets]) -> Offsets:
    """Up to these ends, topic by topic."""
    return {place: end for topic in TOPICS for place, end in ends[topic].items() if place.topic == topic}


async def expected(spark: SparkSession, folder: Path, publishes: Sequence[tuple[str, list[Record]]]) -> Totals:
    """The totals of a log that gives every publish whole."""
    async with opened(spark, f"sqlite:///{folder / 'whole.sqlite'}", folder / "whole") as whole:
        for system, given in publishes:
            await whole.log.publish(system, log_records(given))
        await asyncio.to_thread(whole.caught_up)
        return await whole.totals()


async def published(spark: SparkSession, log: Log) -> list[tuple[Any, ...]]:
    """System, instant and bikes of all totals in the log."""
    end = await log.end_offsets((Topic.NETWORK_STATUS,))
    frame = records(log.frame(spark, (Topic.NETWORK_STATUS,), {}, end), Topic.NETWORK_STATUS)
    return sorted((row.system_id, row.polled_at.astimezone(UTC), row.bikes) for row in frame.collect())


def give_in_steps(log: Log, patch: pytest.MonkeyPatch, cuts: Sequence[Offsets]) -> None:
    """Let the log come to the stream cut here, and say that this may cut its publishes."""

    async def steps(topics: Sequence[str], offsets: Offsets) -> Sequence[Offsets]:
        return cuts

    patch.setattr(log, "steps", steps)
    patch.setattr(log, "streams_whole_publishes", False)


def fail(*_: object) -> None:
    msg = "The process was killed here."
    raise LogError(msg)


async def left(place: Place) -> Offsets:
    """How many offsets are to be done still, by the store, of each partition with some."""
    done, ends = await place.store.offsets(JOB), await place.log.end_offsets(TOPICS)
    lags = {name: end - done.get(name, 0) for name, end in ends.items()}
    return {name: lag for name, lag in lags.items() if lag > place.log.trailing_offsets}


@pytest.mark.parametrize("first", FIRST_PARTS.values(), ids=FIRST_PARTS)
async def test_a_poll_in_two_micro_batches_with_a_kill_between_them_gives_the_totals_of_one(
    spark: SparkSession, log_url: str, tmp_path: Path, first: tuple[Topic, ...]
) -> None:
    async with opened(spark, log_url, tmp_path) as place:
        await place.log.publish("brest", log_records(made(0)))
        before = await place.log.end_offsets(TOPICS)
        await place.log.publish("brest", log_records(made(1)))
        after = await place.log.end_offsets(TOPICS)
        with pytest.MonkeyPatch.context() as patch:
            give_in_steps(place.log, patch, [cut({topic: after if topic in first else before for topic in TOPICS})])
            patch.setattr(place.log, "stream", fail)
            with pytest.raises(LogError, match="killed"):
                await asyncio.to_thread(place.caught_up)
        assert len(await place.totals()) == 1
        assert await left(place) != {}
    async with opened(spark, log_url, tmp_path) as place:
        await asyncio.to_thread(place.caught_up)
        totals = await expected(spark, tmp_path, [("brest", made(0)), ("brest", made(1))])
        assert await place.totals() == totals
        assert await published(spark, place.log) == [
            (row["system_id"], row["polled_at"], row["bikes"]) for row in totals
        ]
        assert await left(place) == {}


@pytest.mark.parametrize("seed", range(2))
async def test_wherever_the_topics_are_cut_the_totals_are_the_same(
    spark: SparkSession, log_url: str, tmp_path: Path, seed: int
) -> None:
    """Polls of two systems, each topic cut at publishes of its own, several polls torn at once."""
    chance = random.Random(seed)
    publishes = [(system, made(number, system)) for number in range(6) for system in SYSTEMS]
    async with opened(spark, log_url, tmp_path) as place:
        ends = [await place.log.end_offsets(TOPICS)]
        for system, given in publishes:
            await place.log.publish(system, log_records(given))
            ends.append(await place.log.end_offsets(TOPICS))
        borders = {topic: sorted(chance.sample(range(1, len(publishes)), 3)) for topic in TOPICS}
        with pytest.MonkeyPatch.context() as patch:
            cuts = [cut({topic: ends[borders[topic][index]] for topic in TOPICS}) for index in range(3)]
            give_in_steps(place.log, patch, cuts)
            await asyncio.to_thread(place.caught_up)
        assert await place.totals() == await expected(spark, tmp_path, publishes)
        assert len(await published(spark, place.log)) == len(publishes)
        assert await left(place) == {}


async def _with_a_part_that_never_comes(place: Place) -> Sequence[Offsets]:
    """Publish a poll without its feeds, then a whole one; where to cut between them."""
    await place.log.publish("brest", log_records([record for record in made(0) if hasattr(record, "station_id")]))
    ends = await place.log.end_offsets(TOPICS)
    await place.log.publish("brest", log_records(made(1)))
    return [ends]


async def test_a_part_that_never_comes_is_waited_for_and_at_last_done_without(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(spark, f"sqlite:///{tmp_path / 'log.sqlite'}", tmp_path) as place:
        give_in_steps(place.log, monkeypatch, await _with_a_part_that_never_comes(place))
        await asyncio.to_thread(place.caught_up)
        assert [row["polled_at"] for row in await place.totals()] == [START + MINUTE]
        assert await left(place) != {}
        await asyncio.to_thread(place.stream.finish)
        totals = await place.totals()
        assert [(row["polled_at"], row["bikes"]) for row in totals] == [(START, 3), (START + MINUTE, 6)]
        assert await left(place) == {}


async def test_after_its_patience_the_next_micro_batch_takes_a_poll_as_it_is(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torn_polls, "PATIENCE_SECONDS", 1e-9)
    async with opened(spark, f"sqlite:///{tmp_path / 'log.sqlite'}", tmp_path) as place:
        give_in_steps(place.log, monkeypatch, await _with_a_part_that_never_comes(place))
        await asyncio.to_thread(place.caught_up)
        totals = await place.totals()
        assert [(row["polled_at"], row["bikes"]) for row in totals] == [(START, 3), (START + MINUTE, 6)]
        assert await left(place) == {}
