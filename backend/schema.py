"""The schema, put together. ``python -m backend.schema`` prints it as SDL."""

from __future__ import annotations

import sys

from graphql import GraphQLError
from strawberry.extensions import MaskErrors
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from backend.execution import Limits, SharingSchema, is_unexpected
from backend.leaves import LeafExecutor
from backend.queries import Query
from backend.scalars import SCALARS
from backend.subscriptions import Subscription


class Schema(SharingSchema):
    """What is wrong with a query is told to who asked; what is wrong with us is told to the log."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        super().process_errors([error for error in errors if is_unexpected(error)], execution_context)


def sdl() -> str:
    """The schema as `backend/schema.graphql` holds it."""
    return schema.as_str() + "\n"


schema = Schema(
    query=Query,
    subscription=Subscription,
    config=StrawberryConfig(disable_field_suggestions=True, scalar_map=SCALARS),
    execution_context_class=LeafExecutor,
    extensions=[Limits, lambda: MaskErrors(should_mask_error=is_unexpected)],
)


if __name__ == "__main__":
    sys.stdout.write(sdl())
