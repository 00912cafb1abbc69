"""The README says what is there: commands, settings, tables, and queries that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
from graphql import parse, validate

from backend import cli
from backend.schema import schema
from pipeline.settings import Settings
from pipeline.tables import TABLES

README = (Path(__file__).parents[1] / "README.md").read_text()
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=[query.split("(")[0].split("{")[0].strip() for query in QUERIES])
def test_each_query_of_the_readme_is_valid(query: str) -> None:
    assert validate(schema._schema, parse(query)) == []  # noqa: SLF001  # Strawberry's only way to graphql-core's


def test_the_readme_has_queries_and_a_subscription() -> None:
    assert [query.split()[0] for query in QUERIES] == ["query", "query", "subscription"]


def test_every_setting_is_explained() -> None:
    told = re.findall(r"^\| `(BIKEWIRE_\w+)` \|", README, re.MULTILINE)
    assert told == [f"BIKEWIRE_{name.upper()}" for name in Settings.model_fields]


def test_every_table_of_the_store_is_named() -> None:
    told = [name for name in re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) if not name.startswith("BIKEWIRE_")]
    assert told == [table.name for table in TABLES]


def test_every_command_is_named() -> None:
    told = re.findall(r"^\| `bikewire (\w+)", README, re.MULTILINE)
    assert sorted(told) == sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]  # a group


@pytest.mark.parametrize("place", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_each_link_leads_to_a_file(place: str) -> None:
    assert (Path(__file__).parents[1] / place).exists()
