"""An executor that answers an object's plain fields in one go.

graphql-core does some ten calls for every field of every object. Most of our fields are attributes holding a number,
a text or a time; what is to be done with them is the same for every object of a list, and is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

GroupedFields = dict[str, list[Any]]


class Leaf(NamedTuple):
    """A field that is an attribute of its object, and how its value is written."""

    name: str
    attribute: str
    write: Callable[[Any], Any]
    is_nullable: bool


@dataclass(frozen=True)
class Plan:
    """A selection of an object: its names in order, its leaves, and the other fields."""

    names: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    others: GroupedFields

    @classmethod
    def of(cls, schema: GraphQLSchema, parent: GraphQLObjectType, fields: GroupedFields) -> Plan:
        found = {
            name: _leaf(name, schema.get_field(parent, nodes[0].node.name.value)) for name, nodes in fields.items()
        }
        others = {name: fields[name] for name, leaf in found.items() if leaf is None}
        return cls(tuple(fields), tuple(filter(None, found.values())), others)

    def read(self, source: object) -> dict[str, Any] | None:
        """The leaves' values; None when one is amiss: graphql-core then meets it too, and tells its place."""
        values: dict[str, Any] = {}
        try:
            for name, attribute, write, is_nullable in self.leaves:
                value = getattr(source, attribute)
                written = write(value) if value is not None else None
                if written is Undefined or (written is None and not (is_nullable and value is None)):
                    return None
                values[name] = written
        except (AttributeError, GraphQLError, LookupError, OverflowError, TypeError, ValueError):
            return None
        return values

    def merge(self, leaves: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
        """All values, in the order in which they were asked for."""
        values = leaves | others
        return {name: values[name] for name in self.names if name in values}


class LeafExecutor(StrawberryGraphQLCoreExecutionContext):
    """As Strawberry's, with the same answers, several times faster for many objects with plain fields.

    Of these fields an extension's ``resolve`` is told nothing.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # graphql-core collects the fields of a list's objects once, so that they are the same dict each time.
        self._plans: dict[int, tuple[GroupedFields, Plan]] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFields,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        plan = self._plan(parent_type, grouped_field_set)
        leaves = plan.read(source_value) if plan.leaves else None
        if leaves is None:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if not plan.others:
            return leaves
        others = super().execute_fields(parent_type, source_value, path, plan.others, position_context)
        if isinstance(others, dict):
            return plan.merge(leaves, others)

        async def merged() -> dict[str, Any]:
            return plan.merge(leaves, await others)

        return merged()

    def _plan(self, parent_type: GraphQLObjectType, fields: GroupedFields) -> Plan:
        # The dict is kept with its plan, or its id could be another's.
        known = self._plans.get(id(fields))
        if known is None:
            known = self._plans[id(fields)] = (fields, Plan.of(self.schema, parent_type, fields))
        return known[1]


def _leaf(name: str, field: GraphQLField | None) -> Leaf | None:
    if field is None or field.args or not getattr(field.resolve, "_is_default", False):
        return None
    kind = get_nullable_type(field.type)
    if not is_leaf_type(kind):
        return None
    attribute = field.extensions["strawberry-definition"].python_name
    return Leaf(name, attribute, _writer(kind), not is_non_null_type(field.type))


def _writer(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    if isinstance(kind, GraphQLEnumType):
        # A StrEnum's member is equal to its value.
        return {value.value: name for name, value in kind.values.items()}.__getitem__
    return kind.coerce_output_value
