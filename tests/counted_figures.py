"""The figures of stations and networks counted millisecond by millisecond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.counted_by_hand import (
    CONDITIONS,
    DAY,
    STATIONS,
    Episode,
    Poll,
    Publish,
    Ridden,
    Seen,
    Timeline,
    Values,
    episodes,
    flaps,
    known_mean,
    median_seconds,
    occupancy,
    quartiles,
    stock,
    total,
)


class History(NamedTuple):
    """All that was published of a system."""

    stations: Sequence[Publish]
    vehicles: Sequence[Publish]


class Known(NamedTuple):
    """What was known of a system over time."""

    stations: Timeline
    vehicles: Timeline

    @classmethod
    def of(cls, history: History) -> Known:
        return cls(Timeline(history.stations), Timeline(history.vehicles))


def station_figures(timeline: Timeline, station_id: str, span: tuple[int, int], until: int) -> Values | None:
    """None when the station was not observed in the span."""
    ticks = range(span[0], min(span[1], until))
    seen = [found for tick in ticks if (found := timeline.of(station_id, tick)) is not None]
    if not seen:
        return None
    flow = _flow(timeline, [station_id], span, until, any(one.bikes is not None for one in seen))
    sizes = [_capacity(one) for one in seen]
    capacity = max((size for size in sizes if size is not None), default=None)
    moved = None if flow["arrivals"] is None else flow["arrivals_debounced"] + flow["departures_debounced"]
    return (
        stock("bikes", [one.bikes for one in seen])
        | stock("docks", [one.docks for one in seen])
        | {
            f"{name}_seconds": sum(map(condition, seen)) / 1000
            for name, condition in CONDITIONS.items()
            if name != "unusable"
        }
        | _episode_figures(timeline, [station_id], span, until)
        | flow
        | {"turnover": moved / 2 / capacity if moved is not None and capacity else None}
        | {"occupancy": occupancy(seen), "capacity_seen": capacity}
        | _observation(len(seen), len(ticks), span)
        | {"hold_seconds": max(poll.hold for tick in ticks if (poll := _listing(timeline, station_id, tick))) / 1000}
    )


def _listing(timeline: Timeline, station_id: str, tick: int) -> Poll | None:
    poll = timeline.at(tick)
    return poll if poll and station_id in poll.found else None


def _capacity(seen: Seen) -> int | None:
    if seen.bikes is None or seen.docks is None:
        return None
    return seen.bikes + seen.docks + (seen.bikes_disabled or 0)


def _observation(observed: int, passed: int, span: tuple[int, int]) -> Values:
    return {
        "observed_seconds": observed / 1000,
        "unknown_seconds": (passed - observed) / 1000,
        "coverage": observed / (span[1] - span[0]),
    }


def _flow(timeline: Timeline, stations: Sequence[str], span: tuple[int, int], until: int, is_known: bool) -> Values:
    gained: dict[str, list[int]] = {"": [], "_debounced": []}
    for station_id in stations:
        deltas = list(timeline.deltas(station_id, until))
        dropped = flaps(deltas)
        here = [(tick, delta) for tick, delta in deltas if delta is not None and span[0] <= tick < span[1]]
        gained[""] += [delta for _, delta in here]
        gained["_debounced"] += [delta for tick, delta in here if tick not in dropped]
    sums: Values = {"net_flow": sum(gained[""])}
    for suffix, found in gained.items():
        sums[f"arrivals{suffix}"] = sum(delta for delta in found if delta > 0)
        sums[f"departures{suffix}"] = -sum(delta for delta in found if delta < 0)
    return _known_if(is_known, sums)


def _episode_figures(timeline: Timeline, stations: Sequence[str], span: tuple[int, int], until: int) -> Values:
    figures: Values = {}
    for kind in ("empty", "full"):
        found: list[Episode] = []
        for station_id in stations:
            of_station = episodes(timeline, station_id, CONDITIONS[kind], until)
            found += [episode for episode in of_station if span[0] <= episode.start < span[1]]
        figures[f"{kind}_episodes"] = len(found)
        figures[f"{kind}_episode_median_seconds"] = median_seconds(found)
    return figures


def _known_if(is_known: bool, figures: Values) -> Values:
    return figures if is_known else dict.fromkeys(figures)


def network_figures(system: Known, span: tuple[int, int], until: int) -> Values | None:
    """None when neither stations nor vehicles were observed in the span."""
    stations, vehicles = system
    ticks = range(span[0], min(span[1], until))
    known = [poll for tick in ticks if (poll := stations.at(tick))]
    ridden = [poll for tick in ticks if (poll := vehicles.at(tick))]
    if not known and not ridden:
        return None
    flow = _flow(stations, STATIONS, span, until, _any_bikes(known))
    fleet = stock("fleet", [_fleet(stations, vehicles, tick, until) for tick in ticks])
    left = flow["departures_debounced"]
    return (
        _stations(known)
        | _vehicles(ridden)
        | fleet
        | flow
        | {"turnover": left / fleet["fleet_mean"] if left is not None and fleet["fleet_mean"] else None}
        | _known_if(bool(known), _episode_figures(stations, STATIONS, span, until))
        | _observation(len(known), len(ticks), span)
        | {"vehicles_observed_seconds": len(ridden) / 1000, "vehicles_coverage": len(ridden) / (span[1] - span[0])}
        | {"hold_seconds": max(poll.hold for poll in (*known, *ridden)) / 1000}
        | {"polls": sum(tick == poll.tick for tick in ticks if (poll := stations.at(tick)))}
    )


def _any_bikes(known: Sequence[Poll]) -> bool:
    return any(seen.bikes is not None for poll in known for seen in poll.found.values())


def _stations(known: Sequence[Poll]) -> Values:
    listed = [list(poll.found.values()) for poll in known]
    every = [seen for stations in listed for seen in stations]
    figures = {f"stations_{name}_mean": known_mean([sum(map(c, one)) for one in listed]) for name, c in _CONDITIONS}
    for name in ("empty", "full"):
        figures[f"{name}_share"] = sum(map(CONDITIONS[name], every)) / len(every) if every else None
    unusable = [sum(map(CONDITIONS["unusable"], stations)) for stations in listed]
    return (
        figures
        | stock("bikes", [total([seen.bikes for seen in stations]) for stations in listed])
        | stock("docks", [total([seen.docks for seen in stations]) for stations in listed])
        | {"stations_unusable_max": max(unusable, default=None), "occupancy": occupancy(every)}
        | {"stations_unknown_mean": known_mean([_unknown(poll) for poll in known])}
        | {"imbalance_mean": known_mean([_imbalance(stations) for stations in listed])}
        | {"bikes_disabled_mean": known_mean([sum(seen.bikes_disabled or 0 for seen in one) for one in listed])}
    )


_CONDITIONS = tuple(CONDITIONS.items())


def _unknown(poll: Poll) -> int:
    silent = [
        seen for seen in poll.found.values() if not CONDITIONS["closed"](seen) and seen.bikes is seen.docks is None
    ]
    return max(poll.expected - len(poll.found), 0) + len(silent)


def _imbalance(stations: Sequence[Seen]) -> float | None:
    whole = [(one.bikes, one.bikes + one.docks) for one in stations if one.bikes is not None and one.docks is not None]
    bikes, places = sum(one for one, _ in whole), sum(one for _, one in whole)
    if not bikes:
        return None
    return sum(abs(one / bikes - room / places) for one, room in whole) / 2


def _vehicles(ridden: Sequence[Poll]) -> Values:
    polls: list[list[Ridden]] = [list(poll.found.values()) for poll in ridden]
    outside = [sum(one.is_outside for one in poll) for poll in polls]
    abandoned = [sum(one.is_outside and not one.is_reserved and one.still >= 24 for one in poll) for poll in polls]
    charges = [[one.charge for one in poll if one.charge is not None] for poll in polls]
    charged = sum(map(len, charges))
    low, middle, high = zip(*map(quartiles, charges), strict=True) if polls else ((), (), ())
    return {
        "vehicles_outside_stations_mean": known_mean(outside),
        "vehicles_outside_stations_max": max(outside, default=None),
        "vehicles_reserved_mean": known_mean([sum(one.is_reserved for one in poll) for poll in polls]),
        "vehicles_disabled_mean": known_mean([sum(one.is_disabled for one in poll) for poll in polls]),
        "vehicles_abandoned_mean": known_mean(abandoned),
        "vehicles_abandoned_max": max(abandoned, default=None),
        "charge_low_quartile_mean": known_mean(low),
        "charge_median_mean": known_mean(middle),
        "charge_high_quartile_mean": known_mean(high),
        "low_charge_share": sum(charge <= 0.2 for poll in charges for charge in poll) / charged if charged else None,
    }


def _fleet(stations: Timeline, vehicles: Timeline, tick: int, until: int) -> int | None:
    known, ridden = stations.at(tick), vehicles.at(tick)
    if (known is None and _is_there(stations, until)) or (ridden is None and _is_there(vehicles, until)):
        return None
    docked = sum((seen.bikes or 0) + (seen.bikes_disabled or 0) for seen in known.found.values()) if known else 0
    return docked + (sum(one.is_outside for one in ridden.found.values()) if ridden else 0)


def _is_there(timeline: Timeline, until: int) -> bool:
    """Whether any poll of the feed reaches into the day, or up to its begin."""
    edges = [*(poll.tick for poll in timeline.polls[1:]), None]
    for poll, following in zip(timeline.polls, edges, strict=False):
        end = poll.tick + poll.hold if following is None else min(poll.tick + poll.hold, following)
        if poll.tick < min(DAY[1], until) and end >= DAY[0]:
            return True
    return False


def every_figure(
    histories: Mapping[str, History], spans: Sequence[tuple[int, int]], until: int
) -> Iterator[tuple[Any, Values]]:
    """Keys and figures of every station and network and span in which anything was observed."""
    for system_id, history in histories.items():
        system = Known.of(history)
        for place, span in enumerate(spans):
            if network := network_figures(system, span, until):
                yield (system_id, place), network
            for station_id in STATIONS:
                if figures := station_figures(system.stations, station_id, span, until):
                    yield (system_id, station_id, place), figures


def every_episode(histories: Mapping[str, History], until: int) -> Iterator[tuple[Any, tuple[int, bool]]]:
    """By system, station, kind and start: how many microseconds, and whether it was cut off."""
    for system_id, history in histories.items():
        timeline = Timeline(history.stations)
        for station_id in STATIONS:
            for kind in ("empty", "full"):
                for start, length, is_censored in episodes(timeline, station_id, CONDITIONS[kind], until):
                    yield (system_id, station_id, kind, start), (length * 1000, is_censored)


def every_block(
    histories: Mapping[str, History], spans: Sequence[tuple[int, int]], until: int
) -> Mapping[tuple[Any, ...], int]:
    """By system, station, span and what was offered: for how many milliseconds."""
    blocks: Counter[tuple[Any, ...]] = Counter()
    for system_id, history in histories.items():
        timeline = Timeline(history.stations)
        for place, (begin, end) in enumerate(spans):
            for station_id in STATIONS:
                for tick in range(begin, min(end, until)):
                    if seen := timeline.of(station_id, tick):
                        blocks[system_id, station_id, place, *_offered(seen)] += 1
    return blocks


def _offered(seen: Seen) -> tuple[int, int]:
    bikes = -1 if seen.bikes is None else min(seen.bikes, 5)
    docks = -1 if seen.docks is None else min(seen.docks, 5)
    return (
        bikes if seen.is_installed and seen.is_renting else 0,
        docks if seen.is_installed and seen.is_returning else 0,
    )
