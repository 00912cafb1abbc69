"""The engines that the contract tests of the two seams run against, each a parameter of the same tests."""

from __future__ import annotations

from pathlib import Path

import pytest

LOGS = ("sqlite",)
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
