"""The recorded Brest night through the whole of Bikewire, on any engines: what the API and subscribers are told."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import graphql
from anyio.from_thread import BlockingPortal

from pipeline.batch import compute_day
from pipeline.last_polls import last_polls
from pipeline.model import Topic, milliseconds
from pipeline.observation import Observer
from pipeline.ports import Log, Store
from pipeline.recording import RecordedPoll, Recording
from pipeline.replay import replay
from pipeline.resident import catch_up
from pipeline.settings import Settings
from pipeline.stream import Stream
from pipeline.tables import TABLES
from pipeline.wiring import open_log, open_store
from tests.live_server import Client, LiveServer, client, running

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SYSTEM = "velozef"
ZONE = "Europe/Paris"
POLLS = 528
STATIONS = 41
LIVE_POLLS = 12
"""The last polls of the night, which are polled one by one while somebody watches."""

EVERY_TOPIC = list(Topic)
START, END = datetime(2026, 3, 2, 18, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)
DAY = date(2026, 3, 3)
"""The local day in which most of it lies."""

_SDL = graphql.build_schema((Path(__file__).parents[1] / "backend" / "schema.graphql").read_text())
_HALF_A_SECOND = timedelta(milliseconds=500)


def fields(name: str) -> str:
    """All fields of a type of the API that are neither objects nor take arguments."""
    found = _SDL.get_type(name)
    assert isinstance(found, graphql.GraphQLObjectType)
    leaves = [field for field, kind in found.fields.items() if graphql.is_leaf_type(graphql.get_named_type(kind.type))]
    return " ".join(leaf for leaf in leaves if not found.fields[leaf].args)


_DATES = f'from: "{DAY}", to: "{DAY}"'
_INSTANTS = f'from: "{START.isoformat()}", to: "{END.isoformat()}"'

STATIONS_QUERY = (
    f"stations(first: 100) {{ totalCount nodes {{ {fields('Station')} status {{ {fields('StationStatus')} }} }} }}"
)
LIVE_QUERIES = (
    f"{fields('System')} poll {{ {fields('Poll')} }} feeds {{ {fields('Feed')} }}",
    f"network {{ {fields('NetworkStatus')} }}",
    STATIONS_QUERY,
    "stations(states: [EMPTY, FULL], near: {lat: 48.39, lon: -4.48}, first: 10) { totalCount nodes { id } }",
)
HISTORY_QUERIES = (
    f"networkHistory({_INSTANTS}) {{ {fields('NetworkStatus')} }}",
    f"networkHistory({_INSTANTS}, stepSeconds: 900) {{ {fields('NetworkStatus')} }}",
    f"networkDays({_DATES}) {{ {fields('NetworkDay')} }}",
    f'stationDays(date: "{DAY}") {{ station {{ id }} {fields("StationDay")} }}',
    f"ranking(metric: EMPTY_SHARE, {_DATES}, first: 41) {{ {fields('StationRank')} station {{ id }} }}",
)
STATION_QUERY = (
    f"history({_INSTANTS}) {{ {fields('StationStatus')} }} hours({_DATES}) {{ {fields('StationHour')} }}"
    f" days({_DATES}) {{ {fields('StationDay')} }}"
)
UPDATES = (
    f'subscription Updates($after: String) {{ stationUpdates(systemId: "{SYSTEM}", after: $after) {{ snapshot cursor'
    f" polledAt stations {{ {fields('Station')} status {{ {fields('StationStatus')} }} }} }} }}"
)


class Told(NamedTuple):
    """What was answered, by query, and what a subscriber of the stations was sent, one frame for each poll."""

    answers: dict[str, Any]
    frames: list[dict[str, Any]]


@dataclass
class Clock:
    """Shows the time of the recording."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


class Night:
    """The recording, cut in two: what was polled before anybody watched, and the polls after it."""

    def __init__(self, shared_data: Path, folder: Path) -> None:
        recorded = shared_data / "velozef" / "polls.ndjson.gz"
        lines = gzip.decompress(recorded.read_bytes()).splitlines(keepends=True)
        self.before, self._after = folder / "before.ndjson", folder / "after.ndjson"
        self.before.write_bytes(b"".join(lines[:-LIVE_POLLS]))
        self._after.write_bytes(b"".join(lines[-LIVE_POLLS:]))

    def polls(self) -> list[RecordedPoll]:
        """The polls that are watched."""
        with Recording(self._after) as recording:
            return [line for line in recording if isinstance(line, RecordedPoll)]


@dataclass
class Installation:
    """Log and store of the settings, open, and what works on them."""

    spark: SparkSession
    settings: Settings
    log: Log
    store: Store
    portal: BlockingPortal

    async def replay(self, file: Path) -> None:
        report = await replay(file, self.log, self.settings)
        assert report.refused == 0
        await self.log.settle(EVERY_TOPIC)

    async def stream(self) -> None:
        """Compute all that is in the log, the lake too."""
        stream = Stream(self.spark, self.settings, self.log, self.store, self.portal)
        await catch_up(stream, self.spark, self.settings, self.log, self.store)

    async def batch(self) -> None:
        await compute_day(self.spark, self.log, self.store, self.settings, SYSTEM, ZONE, DAY, END)

    async def watch(self, polls: Sequence[RecordedPoll]) -> list[dict[str, Any]]:
        """Poll them one by one, as a poller that was just started does; the frames that a subscriber is sent.

        The subscriber comes back with its cursor before the last frame, to a server that was started anew.
        """
        clock = Clock(polls[0].polled_at - _HALF_A_SECOND)
        published = (await last_polls(self.log, ())).published[SYSTEM]
        observer = Observer(SYSTEM, self.settings, published=published)
        async with _subscribed(self.settings, clock) as subscriber:
            frames = [await subscriber.updates()]
            for poll in polls[:-1]:
                await self._poll(observer, poll, clock)
                frames.append(await subscriber.updates())
        await self._poll(observer, polls[-1], clock)
        async with _subscribed(self.settings, clock, after=frames[-1]["cursor"]) as subscriber:
            frames.append(await subscriber.updates())
        return [_comparable(frame) for frame in frames]

    async def _poll(self, observer: Observer, poll: RecordedPoll, clock: Clock) -> None:
        clock.now = poll.polled_at + _HALF_A_SECOND
        observation = observer.observe(milliseconds(poll.polled_at), poll.fetches)
        await self.log.publish(SYSTEM, observation.log_records())
        await self.log.settle(EVERY_TOPIC)
        observer.keep(observation)

    async def ask(self, now: datetime) -> dict[str, Any]:
        """The answers to everything."""
        with running(self.settings, clock=Clock(now)) as server:
            return await asyncio.to_thread(_answers, server)


def _comparable(frame: dict[str, Any]) -> dict[str, Any]:
    """Without its cursor, which is made of the engine's offsets; stations come in no order that is promised."""
    told = {name: value for name, value in frame.items() if name != "cursor"}
    return {**told, "stations": sorted(frame["stations"], key=itemgetter("id"))}


def _answers(server: LiveServer) -> dict[str, Any]:
    found = {query: _ask(server, query) for query in (*LIVE_QUERIES, *HISTORY_QUERIES)}
    stations = [node["id"] for node in found[STATIONS_QUERY]["stations"]["nodes"]]
    for station_id in stations[::4]:
        found[station_id] = _ask(server, f'station(id: "{station_id}") {{ {STATION_QUERY} }}')
    return found


def _ask(server: LiveServer, query: str) -> Any:
    answer = server.ask(f'{{ system(id: "{SYSTEM}") {{ {query} }} }}', timeout=30).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["system"]


@asynccontextmanager
async def _subscribed(settings: Settings, clock: Clock, **variables: str) -> AsyncIterator[Client]:
    with running(settings, clock=clock) as server:
        async with client(server.port) as subscriber:
            await subscriber.subscribe(UPDATES, **variables)
            yield subscriber


@asynccontextmanager
async def opened(spark: SparkSession, settings: Settings) -> AsyncIterator[Installation]:
    async with open_log(settings.log) as log, open_store(settings.store) as store, BlockingPortal() as portal:
        await log.create(EVERY_TOPIC)
        await store.create(TABLES)
        yield Installation(spark, settings, log, store, portal)


async def told_of_the_rest(installation: Installation, polls: Sequence[RecordedPoll]) -> Told:
    """Watch the polls, compute everything, and ask."""
    frames = await installation.watch(polls)
    await installation.stream()
    await installation.batch()
    return Told(await installation.ask(polls[-1].polled_at + _HALF_A_SECOND), frames)
