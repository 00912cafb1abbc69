"""Executes operations: queries with a timeout, subscriptions once for all who subscribed to the same.

graphql-core executes a subscription's selection for each subscriber and event. Nothing in our answers depends on
who asks, so here the first subscriber that gets to an event executes it, and the others take the text it made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import orjson
import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_operation_ast,
    visit,
)
from graphql import ExecutionResult as CoreResult
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.utils.await_maybe import await_maybe

from backend.limits import errors_of, parse_document
from backend.scalars import BadInput

OPERATION_SECONDS = 10.0
"""How long a query may take, and one message of a subscription."""


class Limits(SchemaExtension):
    """Parses and validates within the limits; both are done once per document and kept."""

    def on_parse(self) -> Iterator[None]:
        # Strawberry refuses a request without a query before it gets here.
        self.execution_context.graphql_document = parse_document(self.execution_context.query or "")
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = cast("DocumentNode", context.graphql_document)
        context.pre_execution_errors = errors_of(context.schema._schema, document)  # noqa: SLF001  # as Strawberry's own extensions do
        yield


@dataclass
class SharedResult(ExecutionResult):
    """A result that many subscribers get; ``text`` is it as JSON."""

    text: str = ""


@dataclass(frozen=True)
class Shared:
    """A subscription to be executed; ``key`` is equal for those who get the same answers from the same event."""

    executor: Executor[Any]
    key: tuple[str | bytes | None, ...]


class SharingSchema(strawberry.Schema):
    """A Strawberry schema whose subscriptions share their executions, and whose queries end in time."""

    async def execute(self, *args: Any, **options: Any) -> ExecutionResult:
        """As in Strawberry, but given up after OPERATION_SECONDS."""
        try:
            async with asyncio.timeout(OPERATION_SECONDS):
                return await super().execute(*args, **options)
        except TimeoutError:
            return PreExecutionError(data=None, errors=[_timed_out()])

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[Any] | None = None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The results of any operation: one of a query, each of a subscription; PreExecutionError ends it."""
        document = _subscription_document(query, operation_name)
        if document is None:
            return self._single(query, variable_values, context_value, root_value, operation_name)
        if errors := errors_of(self._schema, document):
            return _failed(errors)
        executor = self.execution_context_class.build(
            self._schema, document, root_value, context_value, variable_values, operation_name
        )
        if isinstance(executor, list):
            return _failed(executor)
        return self._shared(Shared(executor, _key(document, operation_name, variable_values)))

    async def _single(self, *operation: Any) -> AsyncGenerator[ExecutionResult, None]:
        try:
            yield await self.execute(*operation)
        except MissingQueryError:
            yield PreExecutionError(data=None, errors=[GraphQLError("No GraphQL query found in the request.")])
        except CannotGetOperationTypeError as error:
            yield PreExecutionError(data=None, errors=[GraphQLError(error.as_http_error_reason())])

    async def _shared(self, shared: Shared) -> AsyncGenerator[ExecutionResult, None]:
        events = await await_maybe(create_source_event_stream(shared.executor))
        if isinstance(events, CoreResult):
            yield PreExecutionError(data=None, errors=self._told(events.errors))
            return
        try:
            async with aclosing(cast("AsyncGenerator[object, None]", events)) as source:
                async for event in source:
                    yield await self._result(shared, event)
        except GraphQLError as error:
            yield PreExecutionError(data=None, errors=self._told([error]))
        # Whatever a resolver raises ends this subscription with an error, not the connection.
        except Exception as error:
            told = self._told([GraphQLError(str(error), original_error=error)])
            yield PreExecutionError(data=None, errors=told)

    async def _result(self, shared: Shared, event: object) -> SharedResult:
        """The event's result, made by the first who asks for it. It is kept on the event and goes with it."""
        results: dict[object, SharedResult | asyncio.Future[SharedResult]] = vars(event).setdefault("_results", {})
        known = results.get(shared.key)
        if known is None:
            result = execute_subscription_event(shared.executor.build_per_event_executor(event))
            if isinstance(result, CoreResult):
                known = self._rendered(result)
            else:
                known = asyncio.ensure_future(self._awaited(result))
            results[shared.key] = known
        # Shielded: one subscriber that leaves does not take the result from the others.
        return known if isinstance(known, SharedResult) else await asyncio.shield(known)

    async def _awaited(self, result: Awaitable[CoreResult]) -> SharedResult:
        try:
            async with asyncio.timeout(OPERATION_SECONDS):
                return self._rendered(await result)
        except TimeoutError:
            return self._rendered(CoreResult(data=None, errors=[_timed_out()]))

    def _rendered(self, result: CoreResult) -> SharedResult:
        errors = self._told(result.errors)
        payload: dict[str, object] = {"data": result.data}
        if errors:
            payload["errors"] = [error.formatted for error in errors]
        return SharedResult(data=result.data, errors=errors, text=orjson.dumps(payload).decode())

    def _told(self, errors: list[GraphQLError] | None) -> list[GraphQLError] | None:
        """The errors as a client may see them; the log gets them as they are."""
        if not errors:
            return None
        self.process_errors(errors)
        return [masked(error) for error in errors]


def is_unexpected(error: GraphQLError) -> bool:
    """Whether an error is ours to repair: not a query that breaks the schema, not input that breaks a rule."""
    return error.original_error is not None and not isinstance(error.original_error, BadInput)


def masked(error: GraphQLError) -> GraphQLError:
    """The error without what it would tell of our insides."""
    return GraphQLError("Unexpected error.", nodes=error.nodes, path=error.path) if is_unexpected(error) else error


def _timed_out() -> GraphQLError:
    message = f"The operation took longer than {OPERATION_SECONDS:g} s and was given up."
    return GraphQLError(message, extensions={"code": "TIMEOUT"})


def _subscription_document(query: str | None, operation_name: str | None) -> DocumentNode | None:
    """The document when it is a subscription that is asked for; whatever else is wrong shows when it is executed."""
    try:
        document = parse_document(query or "")
    except GraphQLError:
        return None
    operation = get_operation_ast(document, operation_name)
    return document if operation and operation.operation is OperationType.SUBSCRIPTION else None


async def _failed(errors: list[GraphQLError]) -> AsyncGenerator[ExecutionResult, None]:
    yield PreExecutionError(data=None, errors=errors)


def _key(
    document: DocumentNode, operation_name: str | None, variables: dict[str, Any] | None
) -> tuple[str | bytes | None, ...]:
    """Where each subscriber begins (`after`) makes no difference to what it is told of an event."""
    own = _own_variables(document, operation_name)
    shared = {name: value for name, value in (variables or {}).items() if name not in own}
    source = document.loc.source.body if document.loc else None
    return source, operation_name, orjson.dumps(shared, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=256)
def _own_variables(document: DocumentNode, operation_name: str | None) -> frozenset[str]:
    """The variables used for nothing but the argument ``after`` of a root field."""
    uses = _VariableUses()
    visit(document, uses)
    operation = cast("OperationDefinitionNode", get_operation_ast(document, operation_name))
    roots = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    arguments = [argument for root in roots for argument in root.arguments or () if argument.name.value == "after"]
    names = [argument.value.name.value for argument in arguments if isinstance(argument.value, VariableNode)]
    # Declared once and used once.
    return frozenset(name for name in names if uses.names.count(name) == 2)


class _VariableUses(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.append(node.name.value)
