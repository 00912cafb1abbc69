"""The schema, put together. ``python -m backend.schema`` prints it as SDL."""

from __future__ import annotations

import sys

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaskErrors
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from backend.queries import Query
from backend.scalars import SCALARS, BadInput


def is_unexpected(error: GraphQLError) -> bool:
    """Whether an error is ours to repair: not a query that breaks the schema, not input that breaks a rule."""
    return error.original_error is not None and not isinstance(error.original_error, BadInput)


class Schema(strawberry.Schema):
    """The schema; what is wrong with a query is told to who asked, what is wrong with us is told to the log."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        super().process_errors([error for error in errors if is_unexpected(error)], execution_context)


schema = Schema(
    query=Query,
    config=StrawberryConfig(disable_field_suggestions=True, scalar_map=SCALARS),
    extensions=[lambda: MaskErrors(should_mask_error=is_unexpected)],
)


if __name__ == "__main__":
    sys.stdout.write(schema.as_str() + "\n")
