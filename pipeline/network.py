"""The network's totals per poll, as Spark SQL.

The rule of a station's state is `pipeline.model.station_state` said once more in SQL; a test compares the two
over every combination of inputs.
"""

from __future__ import annotations

from pipeline.conditions import (
    charge_quartiles,
    has_low_charge,
    imbalance,
    is_abandoned,
    is_empty,
    is_full,
    is_unusable,
)
from pipeline.model import Thresholds, Topic

VEHICLE_FEEDS = ("vehicle_status", "free_bike_status")
"""The feed of vehicles, and its name before GBFS 3.0."""


def state_sql(thresholds: Thresholds, status: str = "status", now: str = "polled_at") -> str:
    """`pipeline.model.station_state` as an SQL expression over the struct ``status`` at the instant ``now``."""
    return f"""CASE
        WHEN {status} IS NULL THEN 'UNKNOWN'
        WHEN NOT {status}.is_installed THEN 'OUT_OF_SERVICE'
        WHEN NOT ({status}.is_renting OR {status}.is_returning) THEN 'CLOSED'
        WHEN unix_micros({now}) >= unix_micros({status}.polled_at) + {status}.hold_seconds * 1000000 THEN 'UNKNOWN'
        WHEN {status}.is_renting AND {status}.bikes = 0 THEN 'EMPTY'
        WHEN {status}.is_returning AND {status}.docks = 0 THEN 'FULL'
        WHEN {status}.bikes <= {thresholds.nearly_empty} THEN 'NEARLY_EMPTY'
        WHEN {status}.docks <= {thresholds.nearly_full} THEN 'NEARLY_FULL'
        WHEN {status}.bikes IS NULL AND {status}.docks IS NULL THEN 'UNKNOWN'
        ELSE 'NORMAL' END"""


def totals_sql(source: str, thresholds: Thresholds) -> str:
    """A query of one row per system and poll that observed stations, with the fields of NetworkStatus.

    ``source`` names rows of `pipeline.decode.decoded`, with no problem. A poll that the log holds twice counts
    once: of each station, vehicle and feed the record with the greatest offset.
    """
    return f"""
    SELECT system_id, polled_at, expected AS stations_expected,
        reporting AS stations_reporting, bikes, docks, bikes_disabled, docks_disabled,
        stations_empty, stations_nearly_empty, stations_full, stations_nearly_full, stations_closed,
        greatest(expected - reporting, 0) + stations_saying_nothing AS stations_unknown,
        IF(has_vehicles, vehicles_outside_stations, NULL) AS vehicles_outside_stations,
        IF(has_vehicles, vehicles_reserved, NULL) AS vehicles_reserved,
        IF(has_vehicles, vehicles_disabled, NULL) AS vehicles_disabled,
        stations_unusable, imbalance, {_FLEET} AS fleet,
        IF(has_vehicles, vehicles_abandoned, NULL) AS vehicles_abandoned,
        IF(has_vehicles, vehicles_low_charge, NULL) AS vehicles_low_charge,
        charges[0] AS charge_low_quartile, charges[1] AS charge_median, charges[2] AS charge_high_quartile,
        hold_seconds
    FROM (SELECT system_id, polled_at, {_sums(thresholds)} FROM ({_entities(source, thresholds)})
        GROUP BY system_id, polled_at)
    WHERE has_stations"""


def torn_sql(source: str) -> str:
    """A query of the polls of which ``source`` lacks something, by what their own records say that they hold.

    system_id, polled_at, and for each topic and partition with records of the poll: topic, partition, and the offset
    of the first of them. A poll that is there twice lacks nothing.
    """
    kinds = (Topic.STATION_STATUS, Topic.VEHICLE_STATUS, Topic.FEED_STATUS)
    station, vehicle, feed = (f"coalesce(sum(IF(topic = '{kind}', records, 0)), 0)" for kind in kinds)
    return f"""
    SELECT system_id, polled_at, inline(parts) FROM (
        SELECT system_id, polled_at, collect_list(struct(topic, partition, first)) AS parts FROM (
            SELECT system_id, polled_at, topic, partition, min(offset) AS first, count(*) AS records,
                max(IF({_STATION_FEED_RECORD}, record.entities, 0)) AS stations,
                max(IF({_VEHICLE_FEED_RECORD}, record.entities, 0)) AS vehicles
            FROM {source} WHERE topic IN {tuple(map(str, kinds))} GROUP BY system_id, polled_at, topic, partition)
        GROUP BY system_id, polled_at
        HAVING {feed} = 0 OR {station} < max(stations) OR {vehicle} < max(vehicles))"""


def _entities(source: str, thresholds: Thresholds) -> str:
    """One row per station, vehicle and feed of each poll."""
    return f"""
    SELECT *, CASE WHEN topic = '{Topic.STATION_STATUS}' THEN {state_sql(thresholds)} END AS state
    FROM (SELECT system_id, polled_at, topic, entity, struct({_COUNTED}) AS status FROM {source}
        WHERE topic IN ('{Topic.STATION_STATUS}', '{Topic.VEHICLE_STATUS}', '{Topic.FEED_STATUS}')
        GROUP BY system_id, polled_at, topic, entity)"""


def _count(condition: str) -> str:
    return f"count_if({condition})"


def _sum_of_stations(field: str) -> str:
    return f"coalesce(sum(IF({_STATION}, status.{field}, NULL)), 0)"


# Of each field by itself, and none of them text: of a struct, or of text, Spark would sort the rows instead of hashing.
_COUNTED = "max_by(record.station_id IS NULL, offset) AS is_outside, " + ", ".join(
    f"max_by({field}, offset) AS {field.rpartition('.')[2]}"
    for field in (
        "polled_at",
        "record.is_installed",
        "record.is_renting",
        "record.is_returning",
        "record.bikes",
        "record.docks",
        "record.bikes_disabled",
        "record.docks_disabled",
        "record.is_reserved",
        "record.is_disabled",
        "record.is_observing",
        "record.entities_expected",
        "record.hold_seconds",
        "record.has_vehicle_feed",
        "record.charge",
        "record.still_since",
    )
)

_STATION = f"topic = '{Topic.STATION_STATUS}'"
_VEHICLE = f"topic = '{Topic.VEHICLE_STATUS}'"
_STATION_FEED = f"topic = '{Topic.FEED_STATUS}' AND entity = '{Topic.STATION_STATUS}' AND status.is_observing"
_ASKED_VEHICLE_FEED = f"topic = '{Topic.FEED_STATUS}' AND entity IN {VEHICLE_FEEDS}"
_VEHICLE_FEED = f"{_ASKED_VEHICLE_FEED} AND status.is_observing"
_STATION_FEED_RECORD = _STATION_FEED.replace("status.is", "record.is")
_VEHICLE_FEED_RECORD = _VEHICLE_FEED.replace("status.is", "record.is")

# Unknown where there are stations and none tells its bikes.
_DOCKED = (
    f"coalesce(sum(IF({_STATION}, status.bikes, NULL)), IF({_count(_STATION)} = 0, 0, NULL))"
    f" + {_sum_of_stations('bikes_disabled')}"
)

# A poll is judged by itself: that its vehicle feed failed, or was not due, is told by its records. Who publishes no
# vehicles has none outside; null, from records that did not tell yet, counts as that.
_FLEET = (
    "CASE WHEN has_vehicles THEN docked + vehicles_outside_stations"
    " WHEN NOT coalesce(has_vehicle_feed, false) THEN docked END"
)


def _sums(thresholds: Thresholds) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in {**_SUMS, **_judged(thresholds)}.items())


def _judged(thresholds: Thresholds) -> dict[str, str]:
    low = _count(has_low_charge(thresholds, "status."))
    return {
        "vehicles_abandoned": _count(is_abandoned(thresholds, "status.")),
        "vehicles_low_charge": f"IF(count(status.charge) > 0 OR {_count(_VEHICLE)} = 0, {low}, NULL)",
    }


_SUMS = {
    "has_stations": f"bool_or({_STATION_FEED} OR {_STATION})",
    "has_vehicles": f"bool_or({_VEHICLE_FEED})",
    "reporting": _count(_STATION),
    "expected": f"coalesce(max(IF({_STATION_FEED}, status.entities_expected, NULL)), {_count(_STATION)})",
    "bikes": _sum_of_stations("bikes"),
    "docks": _sum_of_stations("docks"),
    "bikes_disabled": _sum_of_stations("bikes_disabled"),
    "docks_disabled": _sum_of_stations("docks_disabled"),
    "stations_empty": _count(f"{_STATION} AND {is_empty('status.')}"),
    "stations_nearly_empty": _count("state = 'NEARLY_EMPTY'"),
    "stations_full": _count(f"{_STATION} AND {is_full('status.')}"),
    "stations_nearly_full": _count("state = 'NEARLY_FULL'"),
    "stations_closed": _count("state IN ('CLOSED', 'OUT_OF_SERVICE')"),
    "stations_saying_nothing": _count("state = 'UNKNOWN'"),
    "vehicles_outside_stations": _count(f"{_VEHICLE} AND status.is_outside"),
    "vehicles_reserved": _count(f"{_VEHICLE} AND status.is_reserved"),
    "vehicles_disabled": _count(f"{_VEHICLE} AND status.is_disabled"),
    "hold_seconds": f"max(IF({_STATION} OR ({_STATION_FEED}), status.hold_seconds, NULL))",
    "docked": _DOCKED,
    "has_vehicle_feed": f"bool_or(status.has_vehicle_feed OR ({_ASKED_VEHICLE_FEED}))",
    "stations_unusable": _count(f"{_STATION} AND {is_unusable('status.')}"),
    "imbalance": imbalance("status."),
    "charges": charge_quartiles("status."),
}
