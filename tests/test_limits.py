"""How large a query may be, and what it costs to find out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from graphql import get_introspection_query, parse

from backend.limits import MAX_TOKENS, errors_of, parse_document
from backend.schema import schema

CORE = schema._schema  # noqa: SLF001  # as Strawberry's own extensions do


def refusals(query: str) -> list[str]:
    return [error.message for error in errors_of(CORE, parse_document(query))]


def test_graphiql_may_ask_for_the_whole_schema() -> None:
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert refusals(query) == []


def test_a_map_of_a_thousand_stations_is_within_the_limits() -> None:
    fields = "id name lat lon capacity status { state bikes docks bikesDisabled docksDisabled polledAt lastReported }"
    assert refusals(f'{{ system(id: "a") {{ stations(first: 1000) {{ nodes {{ {fields} }} }} }} }}') == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "{ systems " + "{ a " * 16 + "}" * 16 + " }",
            "The query is more than 16 levels deep; at most 16 are answered.",
        ),
        (
            "{ systems { " + " ".join(f"a{number}: id" for number in range(31)) + " } }",
            "The document has 31 aliases; at most 30 are answered.",
        ),
        (
            "{ __typename " + "@include(if: true) " * 21 + "}",
            "The document has 21 directives; at most 20 are answered.",
        ),
        (
            "{ " + "__typename " * 11 + "}",
            "The query has 11 root fields; at most 10 are answered.",
        ),
        (
            "{ systems { " + "id " * 301 + "} }",
            "The document has 302 fields; at most 300 are answered.",
        ),
        (
            "{ systems { stations(first: 1000) { nodes { id name lat lon capacity } } } }",
            "The query may have to resolve 60011 fields; at most 50000 are answered.",
        ),
        (
            "query($n: Int!) { system(id: 1) { stations(first: $n) { nodes { hours(from: 1, to: 1) { date } } } } }",
            "The query may have to resolve 122002 fields; at most 50000 are answered.",
        ),
        (
            "{ system(id: 1) { stations(first: 500) { nodes { typicalWeek { hour } } } } }",
            "The query may have to resolve 61002 fields; at most 50000 are answered.",
        ),
        (
            "{ system(id: 1) { a: stations(first: -99999) { nodes { id } } stations(first: "
            + "9" * 5000
            + ") { nodes { "
            + "id " * 60
            + "} } } }",
            "The query may have to resolve 61003 fields; at most 50000 are answered.",
        ),
        (
            "{ systems { station(id: 1) { series(from: 1, to: 2, points: 1999) { bikes docks state } } } }",
            "The query may have to resolve 60191 fields; at most 50000 are answered.",
        ),
        (
            "".join(f"fragment f{number} on Query {{ __typename }} " for number in range(61)) + "{ __typename }",
            "The document has 61 fragments; at most 60 are answered.",
        ),
    ],
)
def test_a_query_over_a_limit_is_refused_with_a_sentence(query: str, sentence: str) -> None:
    assert refusals(query) == [sentence]


def test_fragments_count_with_what_they_stand_for() -> None:
    chain = "".join(f"fragment f{n} on System {{ ...f{n + 1} ...f{n + 1} }} " for n in range(30))
    query = chain + "fragment f30 on System { id } { systems { ...f0 } }"
    assert refusals(query) == ["The query may have to resolve more than 10^9 fields; at most 50000 are answered."]


def test_a_document_of_too_many_tokens_is_not_even_parsed() -> None:
    query = "{ " + "a " * (MAX_TOKENS + 1) + "}"
    with pytest.raises(Exception, match=r"Document contains more than 1000 tokens\. Parsing aborted\."):
        parse_document(query)


def bomb() -> str:
    """Sixty fragments, each spreading the next as often as the token limit lets it."""
    spreads = 5
    chain = "".join(f"fragment f{n} on Query {{ {f'...f{n + 1} ' * spreads}}} " for n in range(59))
    return chain + "fragment f59 on Query { __typename } { ...f0 }"


def many_small_fragments() -> str:
    chain = "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(80))
    return chain + "fragment f80 on Query { __typename } { ...f0 }"


def repeated_fields() -> str:
    return "{ systems { " + "stations { nodes { id } } " * 70 + "} }"


def repeated_spreads() -> str:
    return "{ systems { " + "...f " * 320 + "} } fragment f on System { id name }"


def circle() -> str:
    return "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"


def deep_nest() -> str:
    return "{ a " * 150 + "}" * 150


def unknown_places() -> str:
    return "{ nonsense { a } ...none ... on Nowhere { a } system(id: 1) { stations(near: {lat: 1}) { nope } } }"


def inline_nest() -> str:
    return "{ " + "... { " * 160 + "__typename" + " }" * 160 + " }"


ATTACKS = (
    bomb,
    many_small_fragments,
    repeated_fields,
    repeated_spreads,
    circle,
    inline_nest,
    deep_nest,
    unknown_places,
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_document_made_to_be_slow_is_judged_in_50_ms(attack: Callable[[], str]) -> None:
    document = parse(attack(), max_tokens=MAX_TOKENS)
    # CPU time: the machine may be busy with something else.
    started = time.process_time()
    errors_of(CORE, document)
    assert time.process_time() - started < 0.05
