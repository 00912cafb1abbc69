"""A log of made polls: stations whose bikes come and go, in as many records as are asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pipeline.model import TOPIC_OF, FeedState, FeedStatus, Record, StationStatus, Topic, encode
from pipeline.ports import Log, LogRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANGING_SHARE = 0.1
"""How many stations change from poll to poll; in Brest, by night, it is 4 %."""


class MadeSystem:
    """Makes one poll after the other of a system with so many stations."""

    def __init__(self, system_id: str, stations: int, changing_share: float = CHANGING_SHARE) -> None:
        self._system_id = system_id
        self._changing_share = changing_share
        self._chance = random.Random(system_id)
        self._bikes = [self._chance.randrange(11) for _ in range(stations)]

    def poll(self, polled_at: datetime) -> list[LogRecord]:
        """The records of a poll, as an observer would publish them."""
        return [LogRecord(TOPIC_OF[type(record)], record.key, encode(record)) for record in self._records(polled_at)]

    def _records(self, polled_at: datetime) -> Iterator[Record]:
        count = len(self._bikes)
        yield FeedStatus(
            system_id=self._system_id,
            polled_at=polled_at,
            feed=Topic.STATION_STATUS,
            state=FeedState.OK,
            is_observing=True,
            entities=count,
            entities_expected=count,
            interval_seconds=60,
            hold_seconds=180,
        )
        for number in range(count):
            has_changed = self._chance.random() < self._changing_share
            if has_changed:
                self._bikes[number] = self._chance.randrange(11)
            yield StationStatus(
                system_id=self._system_id,
                polled_at=polled_at,
                station_id=f"station-{number}",
                bikes=self._bikes[number],
                docks=10 - self._bikes[number],
                bikes_disabled=0,
                docks_disabled=0,
                is_installed=True,
                is_renting=True,
                is_returning=True,
                last_reported=polled_at,
                changed=has_changed,
                seen_before=polled_at - MINUTE,
                hold_seconds=180,
                stations_in_poll=count,
            )


async def fill(log: Log, stations: int, records: int, changing_share: float = CHANGING_SHARE) -> int:
    """Publish whole polls until there are so many station records; returns how many there are."""
    system, published, polled_at = MadeSystem("backlog", stations, changing_share), 0, START
    while published < records:
        await log.publish("backlog", system.poll(polled_at))
        published += stations
        polled_at += MINUTE
    return published
