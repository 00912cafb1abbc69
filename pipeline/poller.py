"""The poller: each system in its own task, on its own grid, each poll published all or nothing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from pipeline.feed_events import FeedEvents
from pipeline.fetch import Fetcher, open_fetcher
from pipeline.gbfs_model import REALTIME, Feed
from pipeline.identity import Directory, Identity, identify, public_url
from pipeline.instruments import PollInstruments, served
from pipeline.last_polls import LastPolls, last_polls
from pipeline.model import FeedState, Topic
from pipeline.observation import Observation, Observer
from pipeline.ports import Log, LogError, LogRecord, PublisherFenced
from pipeline.reading import DECLARED_LONGEST_SECONDS, Fetch, Reader
from pipeline.schedule import Schedule, backoff_seconds
from pipeline.settings import Settings
from pipeline.sources import Source, sources

logger = logging.getLogger(__name__)

SPREAD_SECONDS = 0.05
"""How far apart the first polls of many systems are, on average."""


async def poll_forever(settings: Settings, log: Log) -> None:
    """Poll every system of BIKEWIRE_FEEDS and BIKEWIRE_SYSTEMS into the log until cancelled.

    One system's trouble costs no other anything. Raises SettingsError for systems that can't be read, LogError only
    for a log that can't be read at the start, and PublisherFenced when another poller has taken over.
    """
    found = sources(settings)
    await log.create(list(Topic))
    before = await last_polls(log, {public_url(source.url) for source in found})
    instruments = PollInstruments()
    with served(instruments.registry, settings):
        async with open_fetcher(settings) as fetcher:
            await Pollers(log, fetcher, before, instruments).run(found)


class Pollers:
    """The pollers of all systems. ``claims`` says which URL each system id belongs to."""

    def __init__(self, log: Log, fetcher: Fetcher, before: LastPolls, instruments: PollInstruments) -> None:
        self.log = log
        self.fetcher = fetcher
        self.before = before
        self.instruments = instruments
        self.claims: dict[str, str] = {}
        self._urls: set[str] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, found: Sequence[Source]) -> None:
        """Poll these, and what directories among them list, for ever."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self.add(found)
        except* PublisherFenced as group:
            fenced = group
        else:
            return
        # Every system has heard the same.
        raise fenced.exceptions[0]

    def add(self, found: Sequence[Source]) -> None:
        """Poll these too, but for those that are polled already."""
        new = [source for source in found if source.url not in self._urls]
        self._urls.update(source.url for source in new)
        for source in new:
            poller = SystemPoller(source, self)
            delay = start_delay(len(new), source.settings.min_poll_seconds)
            if self._tasks is not None:
                self._tasks.create_task(poller.run(delay), name=poller.name)


def start_delay(systems: int, interval_seconds: float) -> float:
    """A random pause before the first poll, so that many systems are not asked at the same instant, ever after."""
    return random.uniform(0, min(interval_seconds, (systems - 1) * SPREAD_SECONDS))


class SystemPoller:
    """Polls one system."""

    def __init__(self, source: Source, pollers: Pollers) -> None:
        self.name = public_url(source.url)
        self._source = source
        self._url = source.url
        self._settings = source.settings
        self._pollers = pollers
        self._log = pollers.log
        self._fetcher = pollers.fetcher.of(source)
        self._before = pollers.before

    async def run(self, delay: float = 0) -> None:
        """Find out which system it is, then poll it for ever; ends only if another feed has the same system."""
        await asyncio.sleep(delay)
        while True:
            try:
                return await self._run()
            except PublisherFenced:
                raise
            except Exception:
                # A fault of ours in one system must not end the others.
                logger.exception("%s: polling failed; it begins again", self.name)
                await asyncio.sleep(self._settings.min_poll_seconds)

    async def _run(self) -> None:
        identity = await self._identity()
        claimed = self._pollers.claims.setdefault(identity.system_id, self._url)
        if claimed != self._url:
            logger.error(
                "%s: refused. %s is the same system (%s); it is polled from there.",
                self.name,
                public_url(claimed),
                identity.system_id,
            )
            return
        if identity.derived:
            logger.warning("%s: named after its URL. %s", identity.system_id, identity.derived)
        polling = _Polling(identity, self._observer(identity), self._url, self._settings, self._log, self._fetcher)
        await polling.run(self._pollers.instruments)

    async def _identity(self) -> Identity:
        known = self._before.system_of(self.name)
        failures = 0
        said = ""
        while not isinstance(
            found := await identify(self._fetcher, self._url, Reader(self._settings), known), Identity
        ):
            if isinstance(found, Directory):
                await self._follow(found)
                continue
            failures += 1
            if found.reason != said:
                logger.warning("%s: not known yet. %s", self.name, found.reason)
                said = found.reason
            pause = backoff_seconds(failures, self._settings.min_poll_seconds)
            await asyncio.sleep(max(pause, found.retry_after_seconds or 0))
        return found

    async def _follow(self, directory: Directory) -> None:
        """Poll what the directory lists, and read it again after a while."""
        logger.info("%s: lists %d systems", self.name, len(directory.urls))
        self._pollers.add([replace(self._source, url=url) for url in directory.urls])
        await asyncio.sleep(DECLARED_LONGEST_SECONDS)

    def _observer(self, identity: Identity) -> Observer:
        return Observer(
            identity.system_id,
            self._settings,
            feed_url=self.name,
            known_system=self._before.systems.get(identity.system_id),
            published=self._before.published.get(identity.system_id),
        )


class _Polling:
    """The polls of one known system."""

    def __init__(
        self, identity: Identity, observer: Observer, url: str, settings: Settings, log: Log, fetcher: Fetcher
    ) -> None:
        self._observer = observer
        self._log = log
        self._fetcher = fetcher
        self._min_poll_seconds = settings.min_poll_seconds
        self._schedule = Schedule(url, settings.min_poll_seconds, observer.interval_seconds)
        self._schedule.set_links(identity.links)
        # What the identity was found in belongs to the first poll.
        self._fetched = dict(identity.fetches)
        self._events = FeedEvents(observer.system_id)
        self._lost = 0

    async def run(self, instruments: PollInstruments) -> None:
        tick = monotonic()
        while True:
            try:
                await self._poll(tick, instruments)
            except PublisherFenced:
                raise
            except Exception:
                # A fault of ours in one system must not end the others, nor its own next poll.
                logger.exception("%s: the poll failed", self._observer.system_id)
            tick = self._schedule.next_tick(tick, monotonic())
            await asyncio.sleep(tick - monotonic())

    async def _poll(self, tick: float, instruments: PollInstruments) -> None:
        started = monotonic()
        instruments.lateness.observe(started - tick)
        polled_at = datetime.now(UTC)
        fetches = await self._fetch(tick)
        if not fetches:
            return
        # Parsing and encoding thousands of vehicles would hold up the other systems' fetches.
        observation, records = await asyncio.to_thread(self._observe, polled_at, fetches)
        self._schedule.fetched(tick, fetches, observation.feeds)
        if observation.links is not None:
            self._schedule.set_links(observation.links)
        self._forget(fetches, observation)
        publishing = monotonic()
        if await self._publish(observation, records):
            instruments.published(self._observer.system_id, observation, monotonic() - publishing)
            self._events.note(observation, monotonic() - started)
        else:
            instruments.lost.labels(self._observer.system_id).inc()
            self._schedule.repeat(tick, [feed for feed in fetches if feed not in REALTIME])

    def _observe(self, polled_at: datetime, fetches: Mapping[Feed, Fetch]) -> tuple[Observation, list[LogRecord]]:
        observation = self._observer.observe(polled_at, fetches)
        return observation, observation.log_records()

    async def _fetch(self, tick: float) -> dict[Feed, Fetch]:
        """What is due, fetched at the same time."""
        fetches, self._fetched = self._fetched, {}
        due = {feed: url for feed, url in self._schedule.due(tick).items() if feed not in fetches}
        async with asyncio.TaskGroup() as group:
            tasks = {feed: group.create_task(self._fetcher.fetch(url)) for feed, url in due.items()}
        return {**fetches, **{feed: task.result() for feed, task in tasks.items()}}

    def _forget(self, fetches: Mapping[Feed, Fetch], observation: Observation) -> None:
        """A document that was not taken is no base for "not modified"."""
        for feed, fetch in fetches.items():
            if observation.feeds[feed].state in (FeedState.REFUSED, FeedState.UNREACHABLE) and fetch.failure is None:
                self._fetcher.forget(fetch.url)

    async def _publish(self, observation: Observation, records: Sequence[LogRecord]) -> bool:
        try:
            await self._log.publish(self._observer.system_id, records)
        except PublisherFenced:
            raise
        except LogError as error:
            self._lost += 1
            if self._lost == 1:
                logger.error("%s: the poll is lost. %s", self._observer.system_id, error)
            return False
        self._observer.keep(observation)
        if self._lost:
            logger.warning("%s: polls are kept again; %d were lost", self._observer.system_id, self._lost)
            self._lost = 0
        return True
