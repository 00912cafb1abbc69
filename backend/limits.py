"""How large a query may be: checked after parsing, before validation, in time linear in the document.

graphql-core's validation rules can take seconds on documents made for it, so an oversized document never reaches
them. Every fragment is measured once: a fragment that spreads another twice, and so on down a chain, costs nothing
here although it stands for more fields than there is memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    specified_rules,
)
from graphql.type.definition import is_interface_type, is_object_type
from strawberry.schema.schema import validate_document

from backend.pagination import MAX_FIRST
from backend.series import MOST_POINTS

MAX_TOKENS = 1000
MAX_DEPTH = 16
MAX_FRAGMENTS = 60
MAX_FIELDS = 300
MAX_ALIASES = 30
MAX_DIRECTIVES = 20
MAX_ROOT_FIELDS = 10
MAX_COST = 50_000

CACHED_DOCUMENTS = 256

# What a list without `first` is taken to hold: one chosen by arguments (a range of days), and a short one.
RANGE_ROWS = 100
SHORT_ROWS = 10
INTROSPECTED_ROWS = 5
# What a field that reads the store costs beside its rows, in fields.
LOOKUP_COST = 20
LOOKUP_ARGUMENTS = frozenset({"from", "date", "weeks"})


@dataclass(frozen=True)
class Size:
    """What a selection stands for, its fragments included: levels, and fields to resolve."""

    depth: int = 0
    cost: int = 0


@dataclass
class Measure:
    """Measures one document; ``fields``, ``aliases`` and ``directives`` count each fragment once."""

    schema: GraphQLSchema
    document: DocumentNode
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    size: Size = field(default_factory=Size)
    _fragments: dict[str, FragmentDefinitionNode] = field(default_factory=dict)
    _measured: dict[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        definitions = self.document.definitions
        self._fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}

    def run(self) -> list[str]:
        """The broken limits, a sentence each."""
        if len(self._fragments) > MAX_FRAGMENTS:
            return [_sentence(f"The document has {len(self._fragments)} fragments", MAX_FRAGMENTS)]
        for node in self.document.definitions:
            if isinstance(node, OperationDefinitionNode):
                self._operation(node)
        return self._broken()

    def _operation(self, node: OperationDefinitionNode) -> None:
        root = self.schema.get_root_type(node.operation)
        self.directives += len(node.directives or ())
        self.root_fields = max(self.root_fields, self._count_roots(node.selection_set, set()))
        size = self._selections(node.selection_set, root, 1)
        self.size = Size(max(self.size.depth, size.depth), max(self.size.cost, size.cost))

    def _broken(self) -> list[str]:
        checks = (
            (self.fields > MAX_FIELDS, f"The document has {self.fields} fields", MAX_FIELDS),
            (self.size.depth > MAX_DEPTH, f"The query is {_at_least(self.size.depth)} levels deep", MAX_DEPTH),
            (self.aliases > MAX_ALIASES, f"The document has {self.aliases} aliases", MAX_ALIASES),
            (self.directives > MAX_DIRECTIVES, f"The document has {self.directives} directives", MAX_DIRECTIVES),
            (self.root_fields > MAX_ROOT_FIELDS, f"The query has {self.root_fields} root fields", MAX_ROOT_FIELDS),
            (self.size.cost > MAX_COST, f"The query may have to resolve {_some(self.size.cost)} fields", MAX_COST),
        )
        return [_sentence(what, limit) for is_broken, what, limit in checks if is_broken]

    def _count_roots(self, selections: SelectionSetNode, seen: set[str]) -> int:
        count = 0
        for node in selections.selections:
            match node:
                case InlineFragmentNode():
                    count += self._count_roots(node.selection_set, seen)
                case FragmentSpreadNode() if node.name.value in self._fragments and node.name.value not in seen:
                    seen.add(node.name.value)
                    count += self._count_roots(self._fragments[node.name.value].selection_set, seen)
                case FieldNode():
                    count += 1
        return count

    def _selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None, level: int) -> Size:
        """The size of the selections; nothing below the deepest level allowed is looked at."""
        if selections is None or level > MAX_DEPTH + 1:
            return Size()
        sizes = [self._selection(node, parent, level) for node in selections.selections]
        return Size(max((size.depth for size in sizes), default=0), sum(size.cost for size in sizes))

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None, level: int) -> Size:
        self.directives += len(node.directives or ())
        match node:
            case FieldNode():
                return self._field(node, parent, level)
            case InlineFragmentNode():
                condition = node.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                return self._selections(node.selection_set, inner, level)
            case _:
                return self._fragment(cast("FragmentSpreadNode", node).name.value)

    def _fragment(self, name: str) -> Size:
        if name not in self._measured and name in self._fragments:
            self._measured[name] = Size()  # a circle of fragments ends here; validation refuses it
            fragment = self._fragments[name]
            condition = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._selections(fragment.selection_set, condition, 1)
        return self._measured.get(name, Size())

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Size:
        self.fields += 1
        self.aliases += node.alias is not None
        definition = self._definition(parent, node.name.value)
        inner = get_named_type(definition.type) if definition else None
        below = self._selections(node.selection_set, inner, level + 1)
        rows = _rows(node, definition, parent)
        lookup = LOOKUP_COST if definition and _is_lookup(definition) else 0
        return Size(below.depth + 1, 1 + lookup + rows * below.cost)

    def _definition(self, parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
        if parent is None or not (is_object_type(parent) or is_interface_type(parent)):
            return None
        return self.schema.get_field(parent, name)


def _rows(node: FieldNode, definition: GraphQLField | None, parent: GraphQLNamedType | None) -> int:
    """How many objects the field is taken to answer with."""
    if definition is None:
        return 1
    for name, most in (("first", MAX_FIRST), ("points", MOST_POINTS)):
        if name in definition.args:
            return _asked(node, definition, name, most)
    if not is_list_type(get_nullable_type(definition.type)):
        return 1
    if parent is not None and parent.name.endswith("Connection"):
        return 1  # counted by the connection's `first`
    if parent is not None and parent.name.startswith("__"):
        return INTROSPECTED_ROWS
    if parent is not None and parent.name == "StationUpdates":
        return MAX_FIRST
    return RANGE_ROWS if definition.args else SHORT_ROWS


def _asked(node: FieldNode, definition: GraphQLField, name: str, most: int) -> int:
    for argument in node.arguments or ():
        if argument.name.value == name:
            # A variable's value is not known here: the answer is cached for all of them.
            return _number(argument.value.value, most) if isinstance(argument.value, IntValueNode) else most
    default = definition.args[name].default_value
    return default if isinstance(default, int) else most


def _number(digits: str, most: int) -> int:
    """What the literal stands for, within what the field answers; the field itself refuses what is outside."""
    return min(max(int(digits), 0), most) if len(digits) < 10 else most


def _is_lookup(definition: GraphQLField) -> bool:
    return not LOOKUP_ARGUMENTS.isdisjoint(definition.args)


def _at_least(depth: int) -> str:
    return str(depth) if depth <= MAX_DEPTH else f"more than {MAX_DEPTH}"


def _some(cost: int) -> str:
    return str(cost) if cost < 10**9 else "more than 10^9"


def _sentence(what: str, limit: int) -> str:
    return f"{what}; at most {limit} are answered."


@lru_cache(CACHED_DOCUMENTS)
def parse_document(query: str) -> DocumentNode:
    """The document; raises GraphQLError for a syntax error or more than MAX_TOKENS tokens."""
    return parse(query, max_tokens=MAX_TOKENS)


@lru_cache(CACHED_DOCUMENTS)
def errors_of(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with the document: the limits it breaks, or else the rules of GraphQL."""
    broken = Measure(schema, document).run()
    if broken:
        return [GraphQLError(sentence, extensions={"code": "LIMIT"}) for sentence in broken]
    return validate_document(schema, document, tuple(specified_rules))
