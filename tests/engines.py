"""The engines that the contract tests of the two seams run against, each a parameter of the same tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jars import JarsError, spark_kafka_jars

KAFKA_FORM = "kafka://127.0.0.1:1"
"""A log's URL that is only looked at, never opened."""

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.engine))
STORES = (
    "sqlite",
    pytest.param("cassandra", marks=pytest.mark.engine),
    pytest.param("cassandra of two", marks=pytest.mark.engine),
)


def log_url(engine: str, folder: Path) -> str:
    """The URL of an empty log of the engine."""
    return {"sqlite": f"sqlite:///{folder / 'log.sqlite'}"}[engine]


def store_url(engine: str, folder: Path) -> str:
    """The URL of an empty store of the engine."""
    return {"sqlite": f"sqlite:///{folder / 'store.sqlite'}"}[engine]


def has_kafka_jars() -> bool:
    """Whether Spark can be given its source for Kafka here."""
    try:
        return bool(spark_kafka_jars())
    except JarsError:
        return False
