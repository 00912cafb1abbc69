"""A recorded night, from the feed to answers of the API and frames of a subscription: the same on all engines."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pipeline.migrate import migrate
from pipeline.settings import Settings
from tests.cassandra_cluster import CassandraCluster
from tests.recorded_night import LIVE_POLLS, POLLS, STATIONS, STATIONS_QUERY, Night, Told, opened, told_of_the_rest
from tests.servers.kafka import KafkaServer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.engine, pytest.mark.timeout(600)]


def check(told: Told) -> None:
    """That it is the night: equal answers could be equally empty."""
    assert [frame["snapshot"] for frame in told.frames] == [True, *[False] * LIVE_POLLS]
    assert len(told.frames[0]["stations"]) == STATIONS
    assert 0 < sum(len(frame["stations"]) for frame in told.frames[1:]) < LIVE_POLLS * STATIONS
    assert told.answers[STATIONS_QUERY]["stations"]["totalCount"] == STATIONS
    assert [len(days) for days in by_field(told, "networkHistory")] == [POLLS, 37]
    assert [len(days) for days in by_field(told, "networkDays")] == [1]
    assert all(len(stations) == STATIONS for stations in by_field(told, "stationDays"))
    assert all(len(answer["hours"]) == 7 for answer in told.answers.values() if "hours" in answer)


def by_field(told: Told, field: str) -> list[Any]:
    return [answer[field] for answer in told.answers.values() if field in answer]


async def test_a_night_is_told_alike_on_one_machine_on_a_cluster_and_when_it_is_moved_there_midway(
    spark: SparkSession, tmp_path: Path, shared_data: Path, kafka_server: KafkaServer, cassandra_node: CassandraCluster
) -> None:
    night = Night(shared_data, tmp_path)
    one = Settings.read(data=tmp_path / "one")
    async with opened(spark, one) as installation:
        await installation.replay(night.before)
        await installation.stream()
    shutil.copytree(one.data, tmp_path / "moved")
    async with opened(spark, one) as installation:
        expected = await told_of_the_rest(installation, night.polls())
    check(expected)

    cluster = settings(tmp_path / "cluster", kafka_server, cassandra_node)
    async with opened(spark, cluster) as installation:
        # Nothing is computed before somebody watches: what is told live does not depend on that.
        await installation.replay(night.before)
        told = await told_of_the_rest(installation, night.polls())
    assert told.frames == expected.frames
    assert told.answers == expected.answers

    moved = settings(tmp_path / "moved", kafka_server, cassandra_node)
    places = [f"sqlite:///{moved.data / name}.sqlite" for name in ("log", "store")]
    await migrate(places[0], places[1], moved, lambda *_: None)
    async with opened(spark, moved) as installation:
        told = await told_of_the_rest(installation, night.polls())
    assert told.frames == expected.frames
    assert told.answers == expected.answers


def settings(data: Path, kafka: KafkaServer, cassandra: CassandraCluster) -> Settings:
    """Of an empty log and an empty store in the cluster."""
    return Settings.read(data=data, log=f"{kafka.url}?prefix={uuid4().hex[:8]}.", store=cassandra.empty_store())
