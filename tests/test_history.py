from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend import history
from backend.context import Context
from pipeline.model import NetworkStatus, StationStatus
from pipeline.tables import NETWORK_HISTORY, STATION_HISTORY
from tests.small_city import NOW, POLL, SYSTEM, ask, fill, minutes, network, open_context, refusal, status

HOUR_AGO = "2026-11-20T17:00:00Z"
NOW_TEXT = "2026-11-20T18:00:00Z"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(tmp_path) as context:
        context.live.systems[SYSTEM].statuses.clear()
        yield context


def at(clock: str, day: int = 20) -> datetime:
    return datetime.fromisoformat(f"2026-11-{day:02}T{clock}").replace(tzinfo=UTC)


def seen(clock: str, bikes: int, before: str | None = None, **more: Any) -> StationStatus:
    """A record of the station g; ``before`` is when it was seen last, by default a minute earlier."""
    polled_at = at(clock)
    return status("g", bikes, 10, polled_at, seen_before=at(before) if before else polled_at - minutes(1), **more)


async def store(context: Context, *records: StationStatus) -> None:
    rows = [msgspec.structs.asdict(record) for record in records]
    for row, record in zip(rows, records, strict=True):
        row["month"] = record.polled_at.year * 100 + record.polled_at.month
    names = STATION_HISTORY.columns
    await fill(context, STATION_HISTORY, *[{name: row[name] for name in names if name != "system_id"} for row in rows])


async def history_of(context: Context, start: str = HOUR_AGO, end: str = NOW_TEXT) -> list[tuple[str, str, int | None]]:
    selection = f'station(id: "g") {{ history(from: "{start}", to: "{end}") {{ polledAt state bikes }} }}'
    entries = (await ask(context, selection))["station"]["history"]
    return [(entry["polledAt"][11:19], entry["state"], entry["bikes"]) for entry in entries]


def live(context: Context, record: StationStatus) -> None:
    context.live.systems[SYSTEM].statuses["g"] = record


async def test_the_series_starts_with_what_held_then_and_goes_on_with_each_change(context: Context) -> None:
    await store(context, seen("16:30", 7), seen("16:50", 5), seen("17:20", 4), seen("17:40", 0))
    live(context, seen("17:59:30", 0))
    assert await history_of(context) == [("16:50:00", "NORMAL", 5), ("17:20:00", "NORMAL", 4), ("17:40:00", "EMPTY", 0)]


async def test_a_change_at_the_very_start_is_what_held_then_and_one_at_the_end_is_left_out(context: Context) -> None:
    await store(context, seen("16:50", 5), seen("17:00", 4), seen("18:00", 3))
    assert await history_of(context) == [("17:00:00", "NORMAL", 4)]


async def test_time_without_observation_is_unknown_from_the_end_of_trust_on(context: Context) -> None:
    await store(context, seen("16:50", 5), seen("17:30", 5, before="17:10"))
    live(context, seen("17:59:30", 5))
    assert await history_of(context) == [
        ("16:50:00", "NORMAL", 5),
        ("17:13:00", "UNKNOWN", None),
        ("17:30:00", "NORMAL", 5),
    ]


async def test_trust_that_ends_with_the_next_poll_leaves_no_unknown_time(context: Context) -> None:
    await store(context, seen("16:50", 5), seen("17:13", 6, before="17:10"))
    live(context, seen("17:59:30", 6))
    assert await history_of(context) == [("16:50:00", "NORMAL", 5), ("17:13:00", "NORMAL", 6)]


async def test_a_series_that_starts_in_unknown_time_says_so(context: Context) -> None:
    await store(context, seen("16:20", 5), seen("17:30", 2, before="16:40"))
    live(context, seen("17:59:30", 2))
    assert await history_of(context) == [("16:43:00", "UNKNOWN", None), ("17:30:00", "NEARLY_EMPTY", 2)]


async def test_a_gap_that_ends_after_the_range_shows_in_it(context: Context) -> None:
    await store(context, seen("16:50", 5), seen("17:50", 6, before="17:10"))
    assert await history_of(context, end="2026-11-20T17:30:00Z") == [
        ("16:50:00", "NORMAL", 5),
        ("17:13:00", "UNKNOWN", None),
    ]


async def test_a_station_unchanged_for_long_holds_its_state_while_it_is_seen(context: Context) -> None:
    longer_ago, long_ago = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
    await store(context, status("g", 8, 10, longer_ago), status("g", 5, 10, long_ago))
    live(context, seen("17:59:30", 5))
    selection = f'station(id: "g") {{ history(from: "{HOUR_AGO}", to: "{NOW_TEXT}") {{ polledAt bikes }} }}'
    answer = await ask(context, selection)
    assert answer == {"station": {"history": [{"polledAt": "2026-01-05T00:00:00.000Z", "bikes": 5}]}}


async def test_a_range_over_the_turn_of_a_month_is_in_order_of_time(context: Context) -> None:
    turn = datetime(2026, 11, 1, tzinfo=UTC)
    records = [status("g", bikes, 10, turn + minutes(bikes - 6)) for bikes in range(4, 9)]
    await store(context, *records)
    assert (
        await history_of(context, "2026-10-31T23:58:30Z", "2026-11-01T00:02:30Z")
        == [
            ("23:58:00", "NORMAL", 4),
            ("23:59:00", "NORMAL", 5),
            ("00:00:00", "NORMAL", 6),
            ("00:01:00", "NORMAL", 7),
            ("00:02:00", "NORMAL", 8),
            ("00:05:00", "UNKNOWN", None),
        ][:-1]
    )


async def test_a_change_that_the_store_does_not_have_yet_comes_from_the_live_table(context: Context) -> None:
    await store(context, seen("17:20", 4))
    live(context, seen("17:59:30", 0))
    assert await history_of(context) == [("17:20:00", "NORMAL", 4), ("17:59:30", "EMPTY", 0)]


async def test_a_live_table_behind_the_store_adds_nothing(context: Context) -> None:
    await store(context, seen("17:20", 4), seen("17:59", 2))
    live(context, seen("17:58", 4))
    assert await history_of(context) == [("17:20:00", "NORMAL", 4), ("17:59:00", "NEARLY_EMPTY", 2)]


async def test_a_gap_that_only_the_live_table_ends_is_shown(context: Context) -> None:
    await store(context, seen("17:20", 4))
    live(context, seen("17:59:30", 4, before="17:25"))
    assert await history_of(context) == [
        ("17:20:00", "NORMAL", 4),
        ("17:28:00", "UNKNOWN", None),
        ("17:59:30", "NORMAL", 4),
    ]


async def test_a_station_not_seen_any_more_ends_in_unknown_with_its_flags(context: Context) -> None:
    await store(context, seen("17:20", 4, is_renting=False, bikes_disabled=1))
    live(context, seen("17:50", 4, is_renting=False, bikes_disabled=1))
    fields = "polledAt state bikes docks bikesDisabled isInstalled isRenting isReturning"
    selection = f'station(id: "g") {{ history(from: "{HOUR_AGO}", to: "{NOW_TEXT}") {{ {fields} }} }}'
    entry = (await ask(context, selection))["station"]["history"][-1]
    assert entry == {
        "polledAt": "2026-11-20T17:53:00.000Z",
        "state": "UNKNOWN",
        "bikes": None,
        "docks": None,
        "bikesDisabled": None,
        "isInstalled": True,
        "isRenting": False,
        "isReturning": True,
    }


async def test_a_station_that_only_the_store_knows_is_trusted_for_its_hold(context: Context) -> None:
    await store(context, seen("17:20", 4), seen("17:58", 3))
    assert await history_of(context) == [
        ("17:20:00", "NORMAL", 4),
        ("17:58:00", "NEARLY_EMPTY", 3),
    ]


async def test_a_first_record_without_an_earlier_one_is_not_stretched_back(context: Context) -> None:
    await store(context, seen("17:20", 4), msgspec.structs.replace(seen("17:50", 6), seen_before=None))
    assert await history_of(context) == [
        ("17:20:00", "NORMAL", 4),
        ("17:23:00", "UNKNOWN", None),
        ("17:50:00", "NORMAL", 6),
        ("17:53:00", "UNKNOWN", None),
    ]


async def test_a_station_never_seen_has_no_history(context: Context) -> None:
    assert await history_of(context) == []


@pytest.mark.parametrize("seed", range(8))
async def test_at_every_instant_the_series_tells_what_was_observed_last_while_it_was_trusted(
    context: Context, seed: int
) -> None:
    chance = random.Random(seed)
    records = random_records(chance)
    await store(context, *[record for record in records[:-1] if record.changed])
    live(context, records[-1])
    series = await history_of(context)
    for second in range(0, 3600, 10):
        instant = at("17:00") + timedelta(seconds=second)
        told = [bikes for clock, _, bikes in series if at(clock) <= instant]
        assert (told[-1] if told else None) == observed(records, instant), instant


def random_records(chance: random.Random) -> list[StationStatus]:
    """Polls every half minute from 16:45 on, with outages; ``changed`` says what the stream keeps as history."""
    records: list[StationStatus] = []
    polled_at = at("16:45")
    while polled_at < NOW:
        before = records[-1] if records else None
        bikes = chance.choice([before.bikes if before else 5, 3, 4, 5, 6])
        ends_gap = before is None or polled_at >= before.polled_at + timedelta(seconds=before.hold_seconds)
        is_kept = ends_gap or before is None or before.bikes != bikes
        seen_before = before.polled_at if before else None
        records.append(status("g", bikes, 10, polled_at, changed=is_kept, seen_before=seen_before))
        polled_at += minutes(0.5 if chance.random() < 0.9 else chance.choice([1, 3, 3.5, 12]))
    return records


def observed(records: list[StationStatus], instant: datetime) -> int | None:
    """What the last observation says, while it is trusted."""
    last = [record for record in records if record.polled_at <= instant][-1]
    return last.bikes if instant < last.polled_at + timedelta(seconds=last.hold_seconds) else None


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (
            'station(id: "g") { history(from: "2026-11-20T18:00:00Z", to: "2026-11-20T17:00:00Z") { bikes } }',
            "from 2026-11-20T18:00:00.000Z to 2026-11-20T17:00:00.000Z: from is not before to.",
        ),
        (
            'station(id: "g") { history(from: "2025-11-20T18:00:00Z", to: "2026-11-20T18:00:00Z") { bikes } }',
            "from 2025-11-20T18:00:00.000Z to 2026-11-20T18:00:00.000Z spans 365.0 days;"
            " at most 31 are answered at once.",
        ),
        (
            'networkHistory(from: "2026-11-20T18:00:00Z", to: "2026-11-20T18:00:00Z") { bikes }',
            "from 2026-11-20T18:00:00.000Z to 2026-11-20T18:00:00.000Z: from is not before to.",
        ),
        (
            'networkHistory(from: "2025-11-20T18:00:00Z", to: "2026-11-20T18:00:00Z", stepSeconds: 86400) { bikes }',
            "from 2025-11-20T18:00:00.000Z to 2026-11-20T18:00:00.000Z spans 365.0 days;"
            " at most 31 are answered at once.",
        ),
        (
            'networkHistory(from: "2026-11-20T17:00:00Z", to: "2026-11-20T18:00:00Z", stepSeconds: 0) { bikes }',
            "stepSeconds: 0 is not at least 1.",
        ),
    ],
)
async def test_ranges_reversed_or_too_long_are_refused(context: Context, selection: str, sentence: str) -> None:
    assert await refusal(context, selection) == (sentence, "BAD_INPUT")


async def store_polls(context: Context, *polls: NetworkStatus) -> None:
    rows = [msgspec.structs.asdict(poll) | {"day": poll.polled_at.date()} for poll in polls]
    await fill(context, NETWORK_HISTORY, *rows)


async def network_bikes(context: Context, arguments: str) -> list[tuple[str, int]]:
    entries = (await ask(context, f"networkHistory({arguments}) {{ polledAt bikes }}"))["networkHistory"]
    return [(entry["polledAt"][11:19], entry["bikes"]) for entry in entries]


async def test_every_poll_of_the_network_is_answered_over_days_and_with_the_newest(context: Context) -> None:
    polls = [at("23:58", 18), at("23:59", 18), at("00:00", 19), at("17:00", 20)]
    await store_polls(context, *[network(polled_at, bikes=bikes) for bikes, polled_at in enumerate(polls)])
    assert await network_bikes(context, 'from: "2026-11-18T23:59:00Z", to: "2026-11-20T18:00:00Z"') == [
        ("23:59:00", 1),
        ("00:00:00", 2),
        ("17:00:00", 3),
        ("17:59:30", 9),
    ]
    assert await network_bikes(context, 'from: "2026-11-18T23:59:00Z", to: "2026-11-19T00:00:00Z"') == [("23:59:00", 1)]


async def test_the_newest_poll_is_answered_once_when_the_store_has_it(context: Context) -> None:
    await store_polls(context, network(POLL))
    assert await network_bikes(context, f'from: "{HOUR_AGO}", to: "{NOW_TEXT}"') == [("17:59:30", 9)]


async def test_steps_take_their_last_poll_and_steps_without_a_poll_are_left_out(context: Context) -> None:
    clocks = ["17:00", "17:04:59.999", "17:05", "17:20", "17:24"]
    await store_polls(context, *[network(at(clock), bikes=bikes) for bikes, clock in enumerate(clocks)])
    assert await network_bikes(context, f'from: "{HOUR_AGO}", to: "{NOW_TEXT}", stepSeconds: 300') == [
        ("17:04:59", 1),
        ("17:05:00", 2),
        ("17:24:00", 4),
        ("17:59:30", 9),
    ]


async def test_more_points_than_are_answered_at_once_ask_for_a_step(context: Context) -> None:
    first = NOW - timedelta(days=7)
    await store_polls(context, *[network(first + minutes(number)) for number in range(history.MOST_POINTS)])
    selection = 'networkHistory(from: "2026-11-13T18:00:00Z", to: "%s") { bikes }'
    answer = await ask(context, selection % "2026-11-20T17:59:30Z")
    assert len(answer["networkHistory"]) == history.MOST_POINTS
    assert await refusal(context, selection % NOW_TEXT) == (
        "10001 points are more than the 10000 answered at once: give stepSeconds of 61 or more.",
        "BAD_INPUT",
    )
