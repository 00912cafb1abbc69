"""The metrics of the processes that are no server: served where a port is named, and moving with what happens."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.instruments import PollInstruments, StreamInstruments, served
from pipeline.model import FeedStatus, Record
from pipeline.ports import TopicPartition
from pipeline.results import TOPICS
from pipeline.settings import Settings, SettingsError
from pipeline.wiring import open_log
from tests.log_reading import of, read_until
from tests.running import Running, running, until

Samples = dict[tuple[str, ...], float]


def scrape(port: int) -> Samples:
    """Every sample by its name and the values of its labels; none while nobody listens."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.TransportError:
        return {}
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def port_of(process: Running) -> int:
    """The port that the process says it serves its metrics at."""
    return int(process.line("metrics: http://127.0.0.1:").rsplit(":", 1)[1].removesuffix("/metrics"))


def when(port: int, *sample: str, above: float = 0.0) -> Samples:
    """What is served once this sample is above that, between two polls: the counts of one poll move one by one."""

    def still() -> Samples | None:
        found = scrape(port)
        is_still = _counts(found) == _counts(scrape(port))
        return found if is_still and found.get(sample, 0.0) > above else None

    return until(still, 150, f"more of {sample}")


def _counts(samples: Samples) -> Samples:
    return {sample: value for sample, value in samples.items() if sample[0].endswith("_total")}


def lags(samples: Samples) -> dict[str, float]:
    """By topic."""
    return {sample[1]: value for sample, value in samples.items() if sample[0] == "bikewire_stream_lag"}


@pytest.fixture(scope="module")
def feed() -> Iterator[str]:
    """A system whose station_status always has one station too few: a deviation in every poll."""
    with running("simulate", "--port", "0", "--tick", "1", "--speed", "120") as simulator:
        url = simulator.line("brest-demo").split()[1]
        fault = {"kind": "vanished", "feed": "station_status"}
        httpx.post(httpx.URL(url).join("/faults"), json=fault).raise_for_status()
        yield url


async def noted(data: Path, polls: int) -> int:
    """How many deviations the log names in the station_status of the first polls."""
    async with open_log(Settings.read(data=data).log) as log:
        records = await read_until(log, lambda found: len(_statuses(found)) >= polls)
    return sum(status.deviations for status in _statuses(records)[:polls])


def _statuses(records: list[Record]) -> list[FeedStatus]:
    return [status for status in of(FeedStatus, records) if status.feed == "station_status"]


async def test_the_poller_counts_its_polls(feed: str, tmp_path: Path) -> None:
    with running("poll", feed, "--data", tmp_path, "--metrics-port", "0", BIKEWIRE_MIN_POLL_SECONDS="1") as poller:
        port = port_of(poller)
        first = when(port, "bikewire_polls_published_total", "brest-demo")
        polls = first["bikewire_polls_published_total", "brest-demo"]
        later = when(port, "bikewire_polls_published_total", "brest-demo", above=polls)
    polls = later["bikewire_polls_published_total", "brest-demo"]
    assert later["bikewire_publish_seconds_count", "brest-demo"] == polls
    assert 0 < later["bikewire_publish_seconds_sum", "brest-demo"] < polls
    assert 0 <= later["bikewire_feed_age_seconds", "station_status", "brest-demo"] < 60
    assert later["bikewire_fetches_total", "station_status", "OK", "brest-demo"] == polls
    deviations = later["bikewire_deviations_total", "station_status", "brest-demo"]
    assert polls <= deviations == await noted(tmp_path, int(polls))
    assert ("bikewire_polls_lost_total", "brest-demo") not in later


@pytest.mark.spark
@pytest.mark.timeout(400)
def test_the_stream_counts_its_work_and_its_lag(feed: str, tmp_path: Path) -> None:
    with running("stream", "--data", tmp_path, "--metrics-port", "0") as stream:
        port = port_of(stream)
        assert scrape(port)["bikewire_stream_records_total",] == 0
        with running("poll", feed, "--data", tmp_path, BIKEWIRE_MIN_POLL_SECONDS="1"):
            when(port, "bikewire_stream_records_total")
        # Chores wait until the stream has caught up.
        done = when(port, "bikewire_chore_age_seconds", "figures")
        caught_up = until(lambda: found if set(lags(found := scrape(port)).values()) == {0.0} else None, 150, "lag 0")
    assert lags(caught_up).keys() == set(TOPICS)
    assert caught_up["bikewire_batch_seconds_count",] > 0
    assert caught_up["bikewire_store_errors_total",] == 0
    assert caught_up["bikewire_query_restarts_total",] == 0
    assert caught_up["bikewire_spark_executors",] != caught_up["bikewire_spark_executors",]  # NaN: there is no cluster
    assert 0 <= done["bikewire_chore_age_seconds", "lake"] < 150


def test_lag_is_what_is_to_be_read_of_each_topic() -> None:
    instruments = StreamInstruments(trailing_offsets=1)
    end = {TopicPartition("a", 0): 10, TopicPartition("a", 1): 5, TopicPartition("b", 0): 3, TopicPartition("c", 0): 2}
    consumed = {TopicPartition("a", 0): 4, TopicPartition("a", 1): 4, TopicPartition("b", 0): 2}
    instruments.lags(end, consumed)
    assert told(instruments) == {"a": 6, "b": 0, "c": 2}
    instruments.no_lags()
    assert [math.isnan(lag) for lag in told(instruments).values()] == [True, True, True]


def told(instruments: StreamInstruments) -> dict[str, float]:
    [family] = instruments.lag.collect()
    return {sample.labels["topic"]: sample.value for sample in family.samples}


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=rf"^BIKEWIRE_METRICS_PORT: 127\.0\.0\.1:{port} can't be listened on"),
            served(PollInstruments().registry, Settings.read(metrics_port=port)),
        ):
            pass


@pytest.mark.spark
@pytest.mark.timeout(400)
def test_under_up_poller_and_stream_have_a_port_each(feed: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)):
        port = free.getsockname()[1]
    settings = {"BIKEWIRE_METRICS_PORT": str(port), "BIKEWIRE_MIN_POLL_SECONDS": "1"}
    with running("up", feed, "--port", "0", "--data", tmp_path, **settings):
        assert ("bikewire_polls_published_total", "brest-demo") in when(
            port, "bikewire_polls_published_total", "brest-demo"
        )
        assert ("bikewire_stream_records_total",) in when(port + 1, "bikewire_stream_records_total")
