"""What is known of a network over time: the polls of its stations and of its vehicles, laid side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

import pyarrow as pa

Polls = Sequence[Mapping[str, Any]]
"""Rows with system_id, ``seen`` and ``unseen`` (microseconds since 1970), hold_seconds and totals, in any order.

The stretches from seen to unseen of one system do not overlap."""

STATION_TOTALS: dict[str, pa.DataType] = {
    "stations": pa.int64(),
    "bikes": pa.int64(),
    "docks": pa.int64(),
    "places": pa.int64(),
    "filled_places": pa.int64(),
    "bikes_disabled": pa.int64(),
    "docked": pa.int64(),
    **{
        f"stations_{name}": pa.int64()
        for name in ("empty", "full", "nearly_empty", "nearly_full", "closed", "unusable", "unknown")
    },
    "imbalance": pa.float64(),
}

VEHICLE_TOTALS: dict[str, pa.DataType] = {
    "vehicles": pa.int64(),
    **{
        f"vehicles_{name}": pa.int64()
        for name in ("outside_stations", "reserved", "disabled", "abandoned", "charged", "low_charge")
    },
    "charge_low_quartile": pa.float64(),
    "charge_median": pa.float64(),
    "charge_high_quartile": pa.float64(),
}

_STRETCH: dict[str, pa.DataType] = {
    "system_id": pa.string(),
    "seen": pa.int64(),
    "unseen": pa.int64(),
    "hold_seconds": pa.float64(),
    "is_poll": pa.bool_(),
    "fleet": pa.int64(),
}

SCHEMA = pa.schema(_STRETCH | STATION_TOTALS | VEHICLE_TOTALS)


def timeline(stations: Polls, vehicles: Polls) -> pa.Table:
    """Stretches in which the same poll of the stations and the same poll of the vehicles held, or one of the two.

    Rows of ``SCHEMA``, in order by system: what is not known is null; ``is_poll`` says that a poll of the stations
    began the stretch. The fleet is unknown while one of the feeds that the system has at all here is.
    """
    systems = sorted({poll["system_id"] for poll in (*stations, *vehicles)})
    rows = [row for system_id in systems for row in _of_system(_of(stations, system_id), _of(vehicles, system_id))]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _of(polls: Polls, system_id: str) -> Polls:
    return sorted((poll for poll in polls if poll["system_id"] == system_id), key=itemgetter("seen"))


def _of_system(stations: Polls, vehicles: Polls) -> Iterator[Mapping[str, Any]]:
    edges = sorted({poll[edge] for poll in (*stations, *vehicles) for edge in ("seen", "unseen")})
    for (seen, unseen), at_stations, of_vehicles in zip(
        pairwise(edges), _holding(stations, edges), _holding(vehicles, edges), strict=False
    ):
        if at_stations is None and of_vehicles is None:
            continue
        is_whole = (at_stations is not None or not stations) and (of_vehicles is not None or not vehicles)
        yield {
            **{name: at_stations[name] for name in STATION_TOTALS if at_stations},
            **{name: of_vehicles[name] for name in VEHICLE_TOTALS if of_vehicles},
            "system_id": (at_stations or of_vehicles or {})["system_id"],
            "seen": seen,
            "unseen": unseen,
            "hold_seconds": max(poll["hold_seconds"] for poll in (at_stations, of_vehicles) if poll),
            "is_poll": at_stations is not None and at_stations["seen"] == seen,
            "fleet": _fleet(at_stations, of_vehicles) if is_whole else None,
        }


def _holding(polls: Polls, edges: Sequence[int]) -> Iterator[Mapping[str, Any] | None]:
    """The poll that holds from each edge on."""
    coming, newest = iter(polls), None
    following = next(coming, None)
    for edge in edges:
        while following is not None and following["seen"] <= edge:
            newest, following = following, next(coming, None)
        yield newest if newest is not None and newest["unseen"] > edge else None


def _fleet(at_stations: Mapping[str, Any] | None, of_vehicles: Mapping[str, Any] | None) -> int:
    docked = at_stations["docked"] if at_stations else 0
    outside = of_vehicles["vehicles_outside_stations"] if of_vehicles else 0
    return int(docked + outside)
