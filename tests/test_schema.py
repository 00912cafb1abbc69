from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema

from backend.context import Context
from backend.schema import schema, sdl
from pipeline.metrics import NETWORK_METRICS, STATION_METRICS
from tests.figure_rows import camel
from tests.small_city import ask, open_context

FILE = Path("backend/schema.graphql")
SCALARS = {"Boolean", "Float", "ID", "Int", "String"}


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


def described() -> Iterator[tuple[str, str | None]]:
    """Everything of the schema that can have a description, with it."""
    for name, kind in build_schema(sdl()).type_map.items():
        if name.startswith("__") or name in SCALARS:
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", told.description) for value, told in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType | GraphQLInterfaceType | GraphQLObjectType):
            yield from ((f"{name}.{field}", told.description) for field, told in kind.fields.items())
        if isinstance(kind, GraphQLInterfaceType | GraphQLObjectType):
            for field, told in kind.fields.items():
                yield from ((f"{name}.{field}({argument})", one.description) for argument, one in told.args.items())


def test_the_schema_is_the_one_that_is_committed() -> None:
    root = Path(__file__).parents[1]
    assert (root / FILE).read_text() == sdl(), f"renew it with: python -m backend.schema > {FILE}"


def test_the_module_prints_the_schema() -> None:
    printed = subprocess.run([sys.executable, "-m", "backend.schema"], capture_output=True, text=True, check=True)
    assert printed.stdout == sdl()


def test_everything_in_the_schema_is_described() -> None:
    found = dict(described())
    assert len(found) > 150
    assert [name for name, description in found.items() if not description] == []


def test_every_metric_is_a_field_with_its_meaning_and_unit() -> None:
    found = dict(described())
    metrics = {kind: STATION_METRICS for kind in ("StationFigures", "StationHour", "StationDay")}
    metrics |= {kind: NETWORK_METRICS for kind in ("NetworkFigures", "NetworkHour", "NetworkDay")}
    for kind, wanted in metrics.items():
        told = [found.get(f"{kind}.{camel(metric.name)}") for metric in wanted]
        assert told == [f"{metric.description} Unit: {metric.unit}." for metric in wanted]


async def test_what_breaks_inside_is_logged_and_not_told(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    await context.store.close()
    selection = '{ system(id: "brest") { networkDays(from: "2026-11-16", to: "2026-11-16") { date } } }'
    with caplog.at_level(logging.ERROR):
        answer = await schema.execute(selection, context_value=context)
    assert answer.errors is not None
    assert [error.formatted for error in answer.errors] == [
        {"message": "Unexpected error.", "locations": [{"line": 1, "column": 25}], "path": ["system", "networkDays"]}
    ]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ sytems { id } }", "Cannot query field 'sytems' on type 'Query'."),
        ("{ systems { ", "Syntax Error: Expected Name, found <EOF>."),
        (
            '{ system(id: "brest") { networkHistory(from: "2026-11-20", to: "2026-11-21T00:00:00Z") { bikes } } }',
            "DateTime: '2026-11-20' has no offset from UTC; write 2026-11-20T18:00:00Z or …+01:00.",
        ),
        (
            'query($day: Date = "20.11.") { system(id: "brest") { stationDays(date: $day) { date } } }',
            "Date: '20.11.' is not a day such as 2026-11-20.",
        ),
    ],
)
async def test_what_is_wrong_with_a_query_is_told_and_not_logged(
    context: Context, caplog: pytest.LogCaptureFixture, query: str, message: str
) -> None:
    answer = await schema.execute(query, context_value=context)
    assert answer.errors is not None
    assert [error.message for error in answer.errors] == [message]
    assert caplog.records == []


async def test_a_variable_that_is_no_time_is_refused_as_bad_input(context: Context) -> None:
    query = """query($start: DateTime!) { system(id: "brest") {
        networkHistory(from: $start, to: "2026-11-20T18:00:00Z") { bikes } } }"""
    answer = await schema.execute(query, context_value=context, variable_values={"start": "noon"})
    assert answer.errors is not None
    assert [(error.message, error.extensions) for error in answer.errors] == [
        (
            "Variable '$start' has invalid value: DateTime: 'noon' is not an ISO 8601 time such as"
            " 2026-11-20T18:00:00Z.",
            {"code": "BAD_INPUT"},
        )
    ]


async def test_names_of_types_are_told(context: Context) -> None:
    assert await ask(context, "__typename stations(first: 1) { __typename nodes { __typename } }") == {
        "__typename": "System",
        "stations": {"__typename": "StationConnection", "nodes": [{"__typename": "Station"}]},
    }
