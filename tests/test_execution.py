"""One execution for all who subscribed to the same, and an end to queries that take too long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
import strawberry
from strawberry.types import ExecutionResult

from backend import execution
from backend.execution import Limits, SharedResult, SharingSchema
from backend.limits import errors_of, parse_document
from backend.scalars import BadInput
from backend.types.field import resolved, subscribed

Info = strawberry.Info["Work", None]


@dataclass
class Work:
    """The context: the events to tell, and what was executed."""

    events: list[Event] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)


@strawberry.type
class Event:
    number: int

    @resolved("Notes that it was executed.")
    def noted(self, info: Info, as_: Annotated[str, strawberry.argument(name="as")] = "") -> int:
        info.context.executed.append(as_)
        return self.number

    @resolved("Waits for the gate.")
    async def slow(self, info: Info) -> int:
        info.context.executed.append("slow")
        await info.context.gate.wait()
        return self.number

    @resolved("Fails in a way that is ours to repair.")
    def broken(self) -> int:
        msg = "secret"
        raise RuntimeError(msg)


@strawberry.type
class Query:
    @resolved("Never answers.")
    async def never(self) -> int:
        await asyncio.Event().wait()
        return 0


@strawberry.type
class Subscription:
    @subscribed("All events after the first few.")
    async def events(self, info: Info, after: int = 0, kind: str = "") -> AsyncGenerator[Event, None]:
        if kind == "refused":
            msg = "kind: 'refused' is refused."
            raise BadInput(msg)
        if kind == "failed":
            msg = "secret"
            raise RuntimeError(msg)
        for event in info.context.events[after:]:
            yield event


schema = SharingSchema(query=Query, subscription=Subscription, extensions=[Limits])
FROM = "subscription($after: Int!) { events(after: $after) { noted } }"


def work(count: int) -> Work:
    return Work([Event(number=number) for number in range(count)])


async def results(context: Work, query: str, **variables: Any) -> list[ExecutionResult]:
    stream = await schema.stream(query, variable_values=variables, context_value=context)
    return [result async for result in stream]


def texts(found: list[ExecutionResult]) -> list[str]:
    return [result.text for result in found if isinstance(result, SharedResult)]


async def test_subscribers_to_the_same_share_each_execution_and_its_text() -> None:
    context = work(3)
    first, second = [await results(context, "subscription { events { noted } }") for _ in range(2)]
    assert texts(first) == [f'{{"data":{{"events":{{"noted":{number}}}}}}}' for number in range(3)]
    assert [id(result) for result in first] == [id(result) for result in second]
    assert len(context.executed) == 3


async def test_where_a_subscriber_begins_does_not_keep_it_from_sharing() -> None:
    context = work(3)
    everything, rest = await results(context, FROM, after=0), await results(context, FROM, after=2)
    assert everything[2] is rest[0]
    assert len(context.executed) == 3


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('subscription { events { noted(as_: "other") } }', {}),
        ("subscription($as: String!) { events { noted(as_: $as) } }", {"as": "other"}),
        ('subscription($after: Int!) { events(after: $after) { noted noted2: noted(as_: "x") } }', {"after": 0}),
    ],
)
async def test_another_selection_or_variable_is_executed_for_itself(query: str, variables: dict[str, Any]) -> None:
    query = query.replace("as_", "as")
    context = work(1)
    await results(context, "subscription { events { noted } }")
    await results(context, query, **variables)
    assert len(context.executed) > 1


async def test_an_execution_that_waits_is_shared_and_outlives_its_first_subscriber() -> None:
    context = work(1)
    query = "subscription { events { slow } }"
    first = asyncio.create_task(results(context, query))
    second = asyncio.create_task(results(context, query))
    while not context.executed:  # noqa: ASYNC110  # the resolver's own note
        await asyncio.sleep(0)
    first.cancel()
    context.gate.set()
    assert texts(await second) == ['{"data":{"events":{"slow":0}}}']
    assert context.executed == ["slow"]


async def test_an_execution_that_waits_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "OPERATION_SECONDS", 0.05)
    (result,) = await results(work(1), "subscription { events { slow } }")
    assert result.errors is not None
    assert result.errors[0].message == "The operation took longer than 0.05 s and was given up."


async def test_a_query_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "OPERATION_SECONDS", 0.05)
    result = await schema.execute("{ never }", context_value=work(0))
    assert result.errors is not None
    assert (result.errors[0].message, result.errors[0].extensions) == (
        "The operation took longer than 0.05 s and was given up.",
        {"code": "TIMEOUT"},
    )


async def test_what_fails_inside_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        (result,) = await results(work(1), "subscription { events { broken } }")
    assert isinstance(result, SharedResult)
    assert (result.data, "secret" in result.text, "secret" in caplog.text) == (None, False, True)
    assert result.errors is not None
    assert [(error.message, error.path) for error in result.errors] == [("Unexpected error.", ["events", "broken"])]


@pytest.mark.parametrize(
    ("kind", "message"), [("refused", "kind: 'refused' is refused."), ("failed", "Unexpected error.")]
)
async def test_a_source_that_fails_ends_the_subscription_with_an_error(kind: str, message: str) -> None:
    (result,) = await results(work(1), f'subscription {{ events(kind: "{kind}") {{ noted }} }}')
    assert result.errors is not None
    assert (type(result).__name__, result.errors[0].message) == ("PreExecutionError", message)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, "No GraphQL query found in the request."),
        ("", "No GraphQL query found in the request."),
        ("{", "Syntax Error: Expected Name, found <EOF>."),
        ("subscription { nonsense }", "Cannot query field 'nonsense' on type 'Subscription'."),
        ("fragment f on Query { never }", "Can't get GraphQL operation type"),
        ("mutation { never }", "The mutation operation is not supported by the schema."),
        (FROM, "Variable '$after' has invalid value: Expected a value of non-null type 'Int!' to be provided."),
    ],
)
async def test_what_can_not_be_executed_is_told_in_one_result(query: Any, message: str) -> None:
    (result,) = await results(work(1), query)
    assert result.errors is not None
    assert (result.data, result.errors[0].message) == (None, message)


async def test_an_argument_that_is_null_at_last_is_told_in_one_result() -> None:
    (result,) = await results(work(1), "subscription($a: Int) { events(after: $a) { noted } }", a=None)
    assert result.errors is not None
    assert (type(result).__name__, result.data, len(result.errors)) == ("PreExecutionError", None, 1)


async def test_a_document_is_parsed_and_validated_once() -> None:
    context, query = work(1), "subscription Once { events { number } }"
    await results(context, query)
    parsed, validated = parse_document.cache_info().misses, errors_of.cache_info().misses
    await results(context, query)
    await schema.execute("query Twice { __typename }", context_value=context)
    await schema.execute("query Twice { __typename }", context_value=context)
    assert (parse_document.cache_info().misses - parsed, errors_of.cache_info().misses - validated) == (1, 1)
