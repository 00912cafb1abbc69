"""All recorded documents, served as systems and polled."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.gbfs_model import POLLED, Feed
from pipeline.model import FeedState, FeedStatus, Topic
from pipeline.poller import poll_forever
from pipeline.settings import Settings
from pipeline.wiring import open_log
from tests.feed_server import FeedServer, feed_server
from tests.feeds_page import documents
from tests.gbfs_documents import body, system
from tests.log_reading import of, read_until


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def serve(feeds: FeedServer, samples: Path) -> dict[str, set[Feed]]:
    """Serve each folder as a system named after it; returns the feeds of each that are polled."""
    served: dict[str, set[Feed]] = {}
    for name, (feed, sent) in documents(samples).items():
        system_id = name.rpartition("/")[0].replace("/", "-")
        if feed in POLLED and feed not in (Feed.DISCOVERY, Feed.SYSTEM_INFORMATION):
            served.setdefault(system_id, set()).add(feed)
            feeds.answers[f"{system_id}/{feed}"] = sent
    for system_id, names in served.items():
        names.add(Feed.SYSTEM_INFORMATION)
        feeds.answers[f"{system_id}/system_information"] = body(system(system_id))
        listed = [{"name": name, "url": feeds.url(f"{system_id}/{name}")} for name in names]
        feeds.answers[f"{system_id}/gbfs"] = body({"feeds": listed})
    return served


async def test_all_recorded_documents_go_through_the_poller(
    feeds: FeedServer, shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(feeds, shared_data / "gbfs-samples")
    urls = tuple(feeds.url(f"{system_id}/gbfs") for system_id in served)
    settings = Settings.read(feeds=urls, data=tmp_path, stale_seconds=1e10)
    wanted = {(system_id, feed.value) for system_id, names in served.items() for feed in names}
    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        task = asyncio.create_task(poll_forever(settings, log))
        try:
            records = await read_until(
                log, lambda records: {(one.system_id, one.feed) for one in of(FeedStatus, records)} >= wanted
            )
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    told = {(one.system_id, one.feed): one for one in of(FeedStatus, records)}
    assert {one.state for one in told.values()} == {FeedState.OK}
    assert all(record.key.removeprefix(record.system_id) != "/" for record in records)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert told["real-Paris", "station_information"].entities == 1507
    by_rule = json.loads(told["real-Paris", "station_information"].deviations_by_rule or "")
    assert {rule: found["count"] for rule, found in by_rule.items()} == {
        "required": 1,
        "id_is_text": 1507,
        "text_trimmed": 21,
        "capacity": 2,
    }
