"""The oracle of the figures against the example of docs/metrics.md, and against cases worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.figures_oracle import Oracle, figures
from tests.observed_world import World, differences

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
DAY = date(2026, 6, 1)
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)
TOMORROW = MIDNIGHT + timedelta(days=1)


def table(after: str) -> list[list[str]]:
    """The cells of the first table of the page after the text, without its head."""
    lines = PAGE.split(after, 1)[1].split("\n|", 1)[1].split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(text: str) -> float | None:
    return None if text == "unknown" else float(Fraction(text.replace(" ", "")))


def count(text: str) -> int | None:
    return None if text == "unknown" else int(text)


@pytest.fixture(scope="module")
def example() -> Oracle:
    world = World()
    hold = float(re.findall(r"hold of (\d+) s", PAGE)[0])
    rows, vehicles = table("## The example\n"), table("The system's vehicles")
    for polled_at in dict.fromkeys(row[0] for row in rows):
        world.feed("brest", datetime.fromisoformat(polled_at), hold, entities_expected=2)
    for polled_at in dict.fromkeys(row[0] for row in vehicles):
        world.feed("brest", datetime.fromisoformat(polled_at), hold, feed="vehicle_status")
    names = ("is_installed", "is_renting", "is_returning")
    for polled_at, station, bikes, docks, *flags in rows:
        more: dict[str, Any] = {name: flag == "yes" for name, flag in zip(names, flags, strict=True)}
        world.status("brest", station, datetime.fromisoformat(polled_at), count(bikes), count(docks), **more)
    for polled_at, vehicle, station, reserved, disabled, charge, since in vehicles:
        world.vehicle(
            "brest",
            vehicle,
            datetime.fromisoformat(polled_at),
            station_id=station or None,
            is_reserved=reserved == "yes",
            is_disabled=disabled == "yes",
            charge=number(charge),
            still_since=datetime.fromisoformat(since) if since else None,
        )
    nine = datetime(2026, 6, 1, 9, tzinfo=UTC)
    return computed(world, nine, zone="Europe/Paris")


def computed(world: World, until: datetime = TOMORROW, zone: str = "UTC", day: date = DAY) -> Oracle:
    return figures(world.status_table(), world.feed_table(), world.vehicle_table(), zone, day, until)


@pytest.mark.parametrize("heading", ["Of a station", "Of the network"])
def test_the_example_comes_out_as_the_page_says(example: Oracle, heading: str) -> None:
    eight = datetime(2026, 6, 1, 8, tzinfo=UTC)
    is_station = heading == "Of a station"
    row = example.hours["brest", "A", eight] if is_station else example.network_hours["brest", eight]
    day = example.days["brest", "A"] if is_station else example.networks["brest"]
    expected = {cells[0]: number(cells[4]) for cells in table(f"## {heading}\n")}
    assert expected
    assert differences({heading: row}, {heading: expected}) == []
    assert row.keys() == expected.keys() | (set() if is_station else {"polls"})
    assert day.keys() == expected.keys() | ({"capacity_seen"} if is_station else {"polls"})


def test_the_episodes_of_the_example(example: Oracle) -> None:
    def at(minute: int) -> datetime:
        return datetime(2026, 6, 1, 8, tzinfo=UTC) + timedelta(minutes=minute)

    assert example.episodes == {
        ("brest", "A", "FULL", at(-10)): {"seconds": 900.0, "is_censored": True},
        ("brest", "A", "EMPTY", at(10)): {"seconds": 900.0, "is_censored": True},
        ("brest", "B", "EMPTY", at(45)): {"seconds": 600.0, "is_censored": False},
    }


# By hand: one station, polled at these minutes of the day


def city(polls: Iterable[tuple[float, int | None]], hold: float = 600, start: datetime = MIDNIGHT) -> World:
    """Station S with these bikes, and 5 docks, at these minutes."""
    world = World()
    for minute, bikes in polls:
        add(world, start + timedelta(minutes=minute), bikes, hold)
    return world


def add(world: World, polled_at: datetime, bikes: int | None, hold: float = 600, docks: int | None = 5) -> None:
    world.feed("x", polled_at, hold)
    world.status("x", "S", polled_at, bikes, docks)


def flows(world: World, until: datetime = TOMORROW) -> tuple[int, int, int, int]:
    found = computed(world, until)
    row, network = found.days["x", "S"], found.networks["x"]
    names = ("arrivals", "departures", "arrivals_debounced", "departures_debounced")
    assert row["net_flow"] == row["arrivals"] - row["departures"]
    assert row["net_flow"] == row["arrivals_debounced"] - row["departures_debounced"]
    assert {name: row[name] for name in names} == {name: network[name] for name in names}
    a, b, c, d = (row[name] for name in names)
    return a, b, c, d


@pytest.mark.parametrize(
    ("polls", "expected"),
    [
        ([(60, 2), (62, 3), (64, 2), (66, 3), (68, 2)], (2, 2, 0, 0)),
        ([(60, 2), (62, 3), (64, 2), (66, 3)], (2, 1, 1, 0)),
        # Unchanged counts between are no changes; ten minutes are near enough, more are not.
        ([(60, 2), (62, 3), (67, 3), (72, 2)], (1, 1, 0, 0)),
        ([(60, 2), (62, 3), (67, 3), (72.01, 2)], (1, 1, 1, 1)),
        # The first two are too far apart, so that the second goes with the third.
        ([(60, 2), (61, 3), (66, 3), (71.5, 2), (72, 3)], (2, 1, 1, 0)),
        # Only exact opposites: +2, -1, +1.
        ([(60, 2), (61, 4), (62, 3), (63, 4)], (3, 1, 2, 0)),
        # A gap, and an unknown count, break the chain, also where they hide no change.
        ([(60, 2), (61, 3), (61.5, None), (62, 3), (63, 2)], (1, 1, 1, 1)),
        ([(60, 2), (61, None), (62, 4)], (0, 0, 0, 0)),
        ([(60, 2), (70.1, 4), (71, 5)], (1, 0, 1, 0)),
        # What came before midnight pairs with nothing, but the first change of the day counts.
        ([(-2, 2), (-1, 3), (1, 2), (2, 3)], (1, 1, 0, 0)),
        ([(-2, 2), (-1, 3), (1, 2)], (0, 1, 0, 1)),
        # An observation that holds until just midnight is what that of midnight is compared with.
        ([(-10, 2), (0, 3)], (1, 0, 1, 0)),
        ([(-10.1, 2), (0, 3)], (0, 0, 0, 0)),
        # The next day's is not this one's.
        ([(1438, 2), (1439, 3), (1440, 2)], (1, 0, 1, 0)),
    ],
)
def test_flows(polls: list[tuple[float, int | None]], expected: tuple[int, int, int, int]) -> None:
    assert flows(city(polls)) == expected


def test_a_poll_that_does_not_list_the_station_breaks_the_chain() -> None:
    world = city([(60, 2), (61, 3)])
    world.feed("x", MIDNIGHT + timedelta(minutes=62), 600, entities_expected=1)
    add(world, MIDNIGHT + timedelta(minutes=63), 2)
    assert flows(world) == (1, 0, 1, 0)
    found = computed(world)
    assert found.days["x", "S"]["observed_seconds"] == 120 + 600
    network = found.networks["x"]
    assert (network["observed_seconds"], network["polls"]) == (180 + 600, 4)
    assert (network["stations_unknown_mean"], network["bikes_mean"]) == (60 / 780, (2 + 3 + 2 * 10) / 12)


def test_a_gap_is_unknown_and_until_cuts() -> None:
    world = city([(0, 4), (5, 0), (60, 0), (65, 2), (70, 0)])
    found = computed(world, MIDNIGHT + timedelta(minutes=72))
    first, second = found.hours["x", "S", MIDNIGHT], found.hours["x", "S", MIDNIGHT + timedelta(hours=1)]
    assert (first["observed_seconds"], first["unknown_seconds"], first["coverage"]) == (900, 2700, 0.25)
    assert (second["observed_seconds"], second["unknown_seconds"], second["coverage"]) == (720, 0, 0.2)
    assert (first["bikes_mean"], first["empty_seconds"], second["empty_seconds"]) == (4 / 3, 600, 420)
    assert found.days["x", "S"]["unknown_seconds"] == 2700
    assert found.days["x", "S"]["coverage"] == 1620 / 86400
    spells = {key[3]: (row["seconds"], row["is_censored"]) for key, row in found.episodes.items()}
    minutes = {(start - MIDNIGHT) / timedelta(minutes=1): spell for start, spell in spells.items()}
    assert minutes == {5: (600, True), 60: (300, True), 70: (120, True)}
    # An hour later everything is as long as it was trusted.
    assert computed(world).hours["x", "S", MIDNIGHT + timedelta(hours=1)]["observed_seconds"] == 1200
    assert computed(world, MIDNIGHT) == Oracle({}, {}, {}, {}, {})
    assert computed(world, MIDNIGHT - timedelta(hours=1)) == Oracle({}, {}, {}, {}, {})


def test_what_holds_over_midnight_is_cut_and_censored() -> None:
    world = city([(-15, 3), (-5, 0), (2, 3), (1435, 0), (1445, 3)])
    row = computed(world).days["x", "S"]
    assert {key[3]: tuple(spell.values()) for key, spell in computed(world).episodes.items()} == {
        MIDNIGHT: (120, True),
        MIDNIGHT + timedelta(minutes=1435): (300, True),
    }
    assert (row["arrivals"], row["departures"], row["observed_seconds"]) == (3, 0, 120 + 600 + 300)
    # Already so until the day's begin, though seen again at just that instant.
    (spell,) = computed(city([(-15, 3), (-5, 0), (0, 0), (2, 3)])).episodes.values()
    assert spell == {"seconds": 120, "is_censored": True}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (DAY, 24)])
def test_days_of_23_and_25_hours(day: date, hours: int) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1 + (day != date(2026, 3, 29)))
    world = city([(minute, minute // 60 % 2) for minute in range(-30, 26 * 60, 10)], start=start)
    found = computed(world, start + timedelta(days=2), "Europe/Paris", day)
    row = found.days["x", "S"]
    assert [key[2] - start for key in sorted(found.hours)] == [timedelta(hours=hour) for hour in range(hours)]
    assert (row["observed_seconds"], row["coverage"], row["empty_seconds"]) == (
        hours * 3600,
        1,
        (hours + 1) // 2 * 3600,
    )
    # The hours are empty by turns: the first was not so before the day's begin, an odd last one still is at its end.
    assert [row["empty_episodes"], len(found.episodes)] == [(hours + 1) // 2] * 2
    assert sum(spell["is_censored"] for spell in found.episodes.values()) == hours % 2


def test_the_greatest_offset_counts() -> None:
    world = city([(60, 9), (65, 1), (60, 2), (61, 4)])
    row = computed(world).hours["x", "S", MIDNIGHT + timedelta(hours=1)]
    assert (row["bikes_max"], row["arrivals"], row["departures"]) == (4, 2, 3)
    # As a later publish of the same poll says that it holds longer.
    world.feed("x", MIDNIGHT + timedelta(minutes=65), 1200)
    again = computed(world).hours["x", "S", MIDNIGHT + timedelta(hours=1)]
    assert (again["observed_seconds"], again["hold_seconds"]) == (300 + 1200, 1200)


@pytest.mark.parametrize(
    ("lengths", "median"),
    [
        # Ended, ended: S is 1/2 at the first.
        ([(5, False), (7, False)], 5),
        ([(5, True), (7, False)], 7),
        ([(5, False), (7, True), (9, True)], None),
        # 3/4 x 2/3 is one half.
        ([(1, False), (2, False), (3, True), (4, True)], 2),
        # At equal lengths the ended are first: 2/3, then 1/3.
        ([(5, True), (5, False), (5, False)], 5),
        ([(3, True), (5, False), (5, True)], 5),
        ([(3, True), (5, True), (6, True), (7, False)], 7),
        ([(3, True)], None),
    ],
)
def test_medians_take_the_censored_for_longer(lengths: list[tuple[int, bool]], median: int | None) -> None:
    """An episode that comes to its end, or to a gap, every half hour."""
    world = World()
    for number_, (minutes, is_censored) in enumerate(lengths):
        begins = MIDNIGHT + timedelta(minutes=30 * number_ + 1)
        add(world, begins, 3)
        add(world, begins + timedelta(minutes=1), 0, hold=60 * minutes)
        if not is_censored:
            add(world, begins + timedelta(minutes=1 + minutes), 3, hold=60)
    found = computed(world)
    row, network = found.days["x", "S"], found.networks["x"]
    expected = (len(lengths), None if median is None else 60 * median)
    assert (row["empty_episodes"], row["empty_episode_median_seconds"]) == expected
    assert (network["empty_episodes"], network["empty_episode_median_seconds"]) == expected
    assert (row["full_episodes"], row["full_episode_median_seconds"]) == (0, None)


def test_a_system_of_vehicles_only() -> None:
    world = World()
    for minute, charge in ((50, 0.1), (58, None)):
        world.feed("v", MIDNIGHT + timedelta(minutes=minute), 600, feed="free_bike_status")
        world.vehicle("v", "a", MIDNIGHT + timedelta(minutes=minute), charge=charge)
    found = computed(world)
    day, late = found.networks["v"], found.network_hours["v", MIDNIGHT + timedelta(hours=1)]
    assert (found.hours, found.days, found.episodes) == ({}, {}, {})
    assert (day["vehicles_observed_seconds"], day["observed_seconds"], day["unknown_seconds"]) == (1080, 0, 86400)
    assert (day["fleet_mean"], day["hold_seconds"], day["polls"], day["arrivals"]) == (1, 600, 0, None)
    assert (day["charge_median_mean"], day["low_charge_share"], late["charge_median_mean"]) == (0.1, 1, None)
    assert late["vehicles_observed_seconds"] == 480
    # A poll of stations that holds up to just the day's begin makes both needed.
    world.feed("v", MIDNIGHT - timedelta(minutes=10), 600)
    assert computed(world).networks["v"]["fleet_mean"] is None


def test_a_change_of_hold_in_mid_day() -> None:
    world = city([(0, 1), (20, 2)], hold=300)
    for polled_at in (MIDNIGHT + timedelta(minutes=40), MIDNIGHT + timedelta(minutes=60)):
        add(world, polled_at, 3, hold=1500)
    found = computed(world)
    assert found.hours["x", "S", MIDNIGHT]["hold_seconds"] == 1500
    assert found.hours["x", "S", MIDNIGHT]["observed_seconds"] == 300 + 300 + 1200
    assert found.days["x", "S"]["observed_seconds"] == 600 + 1200 + 1500
    assert found.days["x", "S"]["arrivals"] == 0
    assert found.networks["x"]["polls"] == 4
