from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from backend.context import Context
from backend.leaves import LeafExecutor
from backend.queries import Query
from backend.scalars import SCALARS
from backend.schema import schema
from pipeline.model import FeedState
from pipeline.tables import STATION_DAY
from tests.small_city import SYSTEM, feed, fill, open_context

CONFIG = StrawberryConfig(scalar_map=SCALARS)
STOCK = strawberry.Schema(query=Query, config=CONFIG)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        yield context


async def answers(context: Context, query: str, **variables: Any) -> list[tuple[Any, Any]]:
    """The answer of our executor, and that of Strawberry's."""
    found = []
    for one in (schema, STOCK):
        answer = await one.execute(query, context_value=context, variable_values=variables)
        found.append((answer.data, [error.formatted for error in answer.errors or ()]))
    return found


def test_the_schema_uses_the_executor() -> None:
    assert schema.execution_context_class is LeafExecutor


@pytest.mark.parametrize(
    "query",
    [
        """{ systems { __typename isStale id zone: timeZone poll { polledAt feeds { name state reason polledAt } }
            stations { nodes { name lat kind: __typename status { bikes docks state polledAt } capacity } totalCount }
            network { bikes docks } name operator } }""",
        """query($all: Boolean = false) { system(id: "brest") { name name ...more @include(if: $all)
            station(id: "g") { id @skip(if: $all) name status { ...counts bikes } ... on Station { capacity } } } }
            fragment more on System { operator } fragment counts on StationStatus { docks bikesDisabled }""",
        """{ system(id: "brest") { vehicles { edges { cursor node { id charge station { name } isReserved } } } } }""",
        """{ system(id: "brest") { stationDays(date: "2026-11-16") { date ... on StationFigures { bikesMean bikesMin }
            station { id days(from: "2026-11-16", to: "2026-11-16") { date holdSeconds } name } coverage } name } }""",
    ],
)
async def test_the_answers_are_those_of_the_stock_executor(context: Context, query: str) -> None:
    figures = {"empty_seconds": 1.0, "full_seconds": 0.0, "closed_seconds": 0.0, "observed_seconds": 2.0}
    await fill(
        context,
        STATION_DAY,
        {"date": date(2026, 11, 16), "station_id": "g", "bikes_mean": 0.1, "coverage": 0.5, **figures},
    )
    ours, stock = await answers(context, query)
    assert msgspec.json.encode(ours) == msgspec.json.encode(stock)
    assert ours[1] == []


async def test_the_order_is_that_of_the_query(context: Context) -> None:
    query = '{ system(id: "brest") { name isStale id network { docks bikes } timeZone } }'
    (data, _), _ = await answers(context, query)
    assert list(data["system"]) == ["name", "isStale", "id", "network", "timeZone"]
    assert list(data["system"]["network"]) == ["docks", "bikes"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"deviations": None}, "Cannot return null for non-nullable field Feed.deviationCount."),
        ({"bytes": 2**31}, "Int cannot represent non 32-bit signed integer value: 2147483648"),
        ({"latency_ms": float("nan")}, "Float cannot represent non numeric value: nan"),
        ({"polled_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "date value out of range"),
    ],
)
async def test_what_is_amiss_is_told_with_its_place_as_by_the_stock_executor(
    context: Context, wrong: dict[str, Any], message: str
) -> None:
    odd = msgspec.structs.replace(feed("gbfs", FeedState.OK), bytes=1, latency_ms=1.0)
    context.live.systems[SYSTEM].feeds["gbfs"] = msgspec.structs.replace(odd, **wrong)
    bare = strawberry.Schema(query=Query, config=CONFIG, execution_context_class=LeafExecutor)
    query = '{ system(id: "brest") { feeds { name state polledAt bytes latencyMs deviationCount } } }'
    ours, stock = [await one.execute(query, context_value=context) for one in (bare, STOCK)]
    assert (ours.data, str(ours.errors)) == (stock.data, str(stock.errors))
    assert [error.message for error in ours.errors or ()] == [message]


async def test_every_member_of_an_enum_has_its_name(context: Context) -> None:
    context.live.systems[SYSTEM].feeds = {state: feed(state, state) for state in FeedState}
    ours, stock = await answers(context, '{ system(id: "brest") { feeds { name fetch } } }')
    assert ours == stock
    assert ours[0]["system"]["feeds"] == [{"name": state, "fetch": state} for state in sorted(FeedState)]
