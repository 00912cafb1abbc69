"""What a station or a vehicle counts as in one poll, and what a poll's stations and vehicles amount to, as Spark SQL.

The stream's totals per poll and the daily figures are both made of these. Conditions and sums are over the columns of
`pipeline.model.StationStatus` and `VehicleStatus`; ``of`` stands before each column, as ``status.``. A condition is
null where what it asks is not known: then it counts as not met.
"""

from __future__ import annotations

from pipeline.model import Thresholds


def is_empty(of: str = "") -> str:
    """A condition, not the state: a station with neither bikes nor docks is empty and full."""
    return f"{of}is_installed AND {of}is_renting AND {of}bikes = 0"


def is_full(of: str = "") -> str:
    return f"{of}is_installed AND {of}is_returning AND {of}docks = 0"


def is_unusable(of: str = "") -> str:
    """One can't rent at the station, or can't return."""
    closed = f"NOT {of}is_installed OR NOT {of}is_renting OR NOT {of}is_returning"
    return f"({closed} OR {of}bikes = 0 OR {of}docks = 0)"


def is_abandoned(thresholds: Thresholds, of: str = "") -> str:
    """Of a vehicle: ``still_since`` alone says that it is outside stations and unreserved."""
    micros = round(thresholds.abandoned_hours * 3_600_000_000)
    return f"unix_micros({of}polled_at) - unix_micros({of}still_since) >= {micros}"


def has_low_charge(thresholds: Thresholds, of: str = "") -> str:
    return f"{of}charge <= {thresholds.low_charge!r}D"


def imbalance(of: str = "") -> str:
    """An aggregate over a poll's stations: the share of the bikes to be moved for all to be equally full, 0 to 1.

    Of stations with bikes and docks known; null without bikes or places. Whole numbers up to the one division.
    """
    places = f"({of}bikes + {of}docks)"
    is_known = f"{places} IS NOT NULL"
    stations = f"collect_list(IF({is_known}, struct({of}bikes AS bikes, {places} AS places), NULL))"
    all_bikes, all_places = f"sum(IF({is_known}, {of}bikes, NULL))", f"sum({places})"
    return (
        f"aggregate({stations}, struct({all_bikes} AS bikes, {all_places} AS places, 0L AS odd),"
        " (all, one) -> struct(all.bikes AS bikes, all.places AS places,"
        " all.odd + abs(one.bikes * all.places - all.bikes * one.places) AS odd),"
        " all -> all.odd / nullif(2 * all.bikes * all.places, 0))"
    )


def charge_quartiles(of: str = "") -> str:
    """An aggregate over a poll's vehicles: the low quartile, the median and the high one of the known charges.

    An array of three, between two charges by linear interpolation; null when no charge is known.
    """
    return f"percentile({of}charge, array(0.25D, 0.5D, 0.75D))"
