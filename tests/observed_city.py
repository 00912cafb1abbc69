"""A city whose polls are observed, one a minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pipeline.gbfs_model import Feed
from pipeline.model import StationStatus
from pipeline.observation import Observation, Observer
from pipeline.reading import Fetch
from pipeline.settings import Settings
from tests.gbfs_documents import NOON, Json, body, station, statuses, system

SETTINGS = Settings(min_poll_seconds=60, stale_seconds=300)
MINUTE = timedelta(minutes=1)


class City:
    """One system and its observer; each `poll` is a minute after the one before."""

    def __init__(self) -> None:
        self.observer = Observer("harbour", SETTINGS, feed_url="https://example.org/gbfs.json")
        self.now = NOON - MINUTE

    def poll(self, *stations: Json, pause: timedelta = MINUTE, keep: bool = True) -> list[StationStatus]:
        self.now += pause
        return of(StationStatus, self.observe({Feed.STATION_STATUS: body(statuses(*stations), self.now)}, keep=keep))

    def observe(self, feeds: Mapping[Feed, bytes | Fetch], *, keep: bool = True) -> Observation:
        fetches = {feed: Fetch(body=sent) if isinstance(sent, bytes) else sent for feed, sent in feeds.items()}
        observation = self.observer.observe(self.now, fetches)
        if keep:
            self.observer.keep(observation)
        return observation


def of(kind: type[Any], observation: Observation) -> list[Any]:
    return [record for record in observation.records if isinstance(record, kind)]


DECLARED = {
    Feed.SYSTEM_INFORMATION: body(system(operator="Harbour Ltd")),
    Feed.STATION_INFORMATION: body({"stations": [station("st_1", address="Quai 1"), station("st_2")]}),
}
