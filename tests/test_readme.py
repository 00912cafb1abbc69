"""The README says what is there: commands, settings, tables, and queries that work; no document has a dead link."""

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

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()
LINKS = [
    pytest.param(document, place, id=f"{document.name}-{place}")
    for document in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"))
    for place in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text())
]
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=[query.split("(")[0].split("{")[0].strip() for query in QUERIES])
def test_each_query_of_the_readme_is_valid(query: str) -> None:
    assert validate(schema._schema, parse(query)) == []  # noqa: SLF001  # Strawberry's only way to graphql-core's


def test_the_readme_has_queries_and_a_subscription() -> None:
    assert [query.split()[0] for query in QUERIES] == ["query", "query", "query", "subscription"]


def test_every_setting_is_explained() -> None:
    told = re.findall(r"^\| `(BIKEWIRE_\w+)` \|", README, re.MULTILINE)
    assert told == [f"BIKEWIRE_{name.upper()}" for name in Settings.model_fields]


def test_every_table_of_the_store_is_named() -> None:
    told = [name for name in re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) if not name.startswith("BIKEWIRE_")]
    assert told == [table.name for table in TABLES]


def test_every_command_is_named() -> None:
    told = re.findall(r"^\| `bikewire (\w+)", README, re.MULTILINE)
    assert sorted(told) == sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]  # a group


@pytest.mark.parametrize(("document", "place"), LINKS)
def test_each_link_leads_to_a_file_and_to_a_heading_in_it(document: Path, place: str) -> None:
    file, _, heading = place.partition("#")
    target = (document.parent / file).resolve() if file else document
    assert target.exists()
    if heading:
        assert heading in anchors(target)


def anchors(document: Path) -> set[str]:
    """The headings as they are named in links."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
