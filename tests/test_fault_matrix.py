"""Every fault of the simulator, each at a system of its own: what is shown, what is counted, and that it is over.

All systems are polled by one real poller into one log, and shown by one server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulator.faults import FaultKind
from tests.faulty_world import PATIENCE, STATIONS, FaultyWorld, faulty_world
from tests.live_server import until

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Row:
    """A fault of one feed (all feeds, where ``feed`` is None), and what becomes of the system.

    ``known`` is how many stations are in a known state; ``rules`` the rules that its station_status breaks, each with
    the least number of values.
    """

    kind: str
    state: str
    fetch: str
    says: str | None
    known: int = 0
    feed: str | None = "station_status"
    value: float | None = None
    http_status: int | None = 200
    rules: dict[str, int] = field(default_factory=dict)


ROWS = [
    Row("slow", "UNREACHABLE", "UNREACHABLE", "No whole answer came within 5 s.", http_status=None),
    Row("error", "UNREACHABLE", "UNREACHABLE", "The server answered 500", http_status=500),
    Row("limited", "UNREACHABLE", "UNREACHABLE", "The server answered 429", http_status=429, value=3),
    Row("not_modified", "STALE", "STALE", "s old; more than 10 s is stale.", http_status=304),
    Row("truncated", "REFUSED", "REFUSED", "JSON"),
    Row("html", "REFUSED", "REFUSED", "HTML"),
    Row("empty", "REFUSED", "REFUSED", "empty"),
    Row("endless", "REFUSED", "REFUSED", "The body is larger than 300000 bytes"),
    Row("stale", "STALE", "STALE", "s old; more than 10 s is stale."),
    Row("frozen", "FROZEN", "OK", "No count has changed since", known=STATIONS),
    Row("dead", "DEAD", "OK", "No station has a bike", known=STATIONS, feed=None),
    Row("malformed", "FRESH", "OK", None, known=STATIONS - 2, value=2, rules={"id_present": 2}),
    Row("vanished", "FRESH", "OK", None, known=STATIONS - 1),
    Row("version", "FRESH", "OK", None, known=STATIONS, feed=None),
    Row("skewed", "FRESH", "OK", None, known=STATIONS, rules={"time_not_ahead": 1}),
]
IDS = [row.kind for row in ROWS]
SYSTEMS = {row.kind: f"city-{number:02}" for number, row in enumerate(ROWS, start=1)}
HEALTHY = f"city-{len(ROWS) + 1:02}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyWorld]:
    """Every system as it should be."""
    with faulty_world(tmp_path_factory.mktemp("world"), len(ROWS) + 1, busy=[SYSTEMS["frozen"]]) as found:
        yield found


@pytest.fixture(scope="module")
def broken(world: FaultyWorld) -> FaultyWorld:
    """Every system but one with its fault."""
    for row in ROWS:
        world.wrong(SYSTEMS[row.kind], kind=row.kind, feed=row.feed, value=row.value)
    return world


@pytest.fixture(scope="module")
def mended(broken: FaultyWorld) -> FaultyWorld:
    """The faults were seen, and are over."""
    for row in ROWS:
        wait_for(broken, row)
    broken.right()
    return broken


def is_shown(world: FaultyWorld, row: Row) -> bool:
    shown, feed = world.shown(SYSTEMS[row.kind]), world.feed(SYSTEMS[row.kind])
    told = (shown["health"]["state"], feed["state"], feed["fetch"], feed["httpStatus"])
    reason = shown["health"]["reason"]
    rules = rules_of(feed)
    return (
        told == (row.state, row.state, row.fetch, row.http_status)
        and (reason is None if row.says is None else row.says in reason)
        and world.known(SYSTEMS[row.kind]) == row.known
        and all(rules.get(rule, 0) >= count for rule, count in row.rules.items())
    )


def is_counted(world: FaultyWorld, row: Row) -> bool:
    place = f'feed="station_status",{{}},system="{SYSTEMS[row.kind]}"'
    health = place.format(f'state="{row.state}"')
    rules = {rule: place.format(f'rule="{rule}"') for rule in row.rules}
    return world.metric(f"bikewire_feed_health{{{health}}}") == 1.0 and all(
        (world.metric(f"bikewire_feed_deviations{{{rules[rule]}}}") or 0) >= count for rule, count in row.rules.items()
    )


def wait_for(world: FaultyWorld, row: Row) -> None:
    until(lambda: is_shown(world, row), f"{row}: {world.shown(SYSTEMS[row.kind])}", PATIENCE)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_fault_is_shown_and_counted_for_what_it_is(broken: FaultyWorld, row: Row) -> None:
    wait_for(broken, row)
    until(lambda: is_counted(broken, row), f"{row} in the metrics", PATIENCE)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_other_software_is_told_only_of_stations_whose_state_is_known(broken: FaultyWorld, row: Row) -> None:
    wait_for(broken, row)
    until(lambda: broken.exported(SYSTEMS[row.kind]) == row.known, f"{row.known} stations of {row.kind}", PATIENCE)


def test_a_system_without_a_fault_is_not_touched_by_the_faults_of_the_others(broken: FaultyWorld) -> None:
    for row in ROWS:
        wait_for(broken, row)
        assert (broken.health(HEALTHY), broken.known(HEALTHY), broken.shown(HEALTHY)["isStale"]) == (
            "FRESH",
            STATIONS,
            False,
        )


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_what_was_wrong_is_recovered_from(mended: FaultyWorld, row: Row) -> None:
    system_id = SYSTEMS[row.kind]

    def is_well() -> bool:
        feed = mended.feed(system_id)
        is_known = mended.known(system_id) == STATIONS == mended.exported(system_id)
        return mended.health(system_id) == "FRESH" and is_known and not row.rules.keys() & rules_of(feed).keys()

    until(is_well, f"the recovery from {row.kind}: {mended.shown(system_id)}", PATIENCE)


def rules_of(feed: dict[str, Any]) -> dict[str, int]:
    return {found["rule"]: found["count"] for found in feed["deviations"]}


def test_the_matrix_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text()
    rows = [
        f"| {row.kind} | {row.state} | {row.fetch} | {row.known} | {', '.join(row.rules)} |".replace("|  |", "| |")
        for row in ROWS
    ]
    told = text.split("|---|---|---|---|---|\n")[1].split("\n\n")[0]
    assert told.splitlines() == rows
    assert {row.kind for row in ROWS} == set(FaultKind)
