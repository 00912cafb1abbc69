"""The metrics of the network in one local hour, and in one local day.

A piece of the network has, beside what `pipeline/metrics/metric.py` says, null while no poll of the stations holds,

    stations                                              long     stations observed
    stations_empty, _full, _nearly_empty, _nearly_full, _closed, _unusable, _unknown   long
    bikes_disabled                                        long     at stations
    imbalance                                             double

null while no poll of the vehicles holds,

    vehicles                                              long     vehicles observed
    vehicles_outside_stations, _reserved, _disabled, _abandoned, _charged, _low_charge   long
    charge_low_quartile, charge_median, charge_high_quartile   double

and null while either is unknown of what the system publishes,

    fleet                                                 long
"""

from __future__ import annotations

from pipeline.metrics.metric import (
    DEPARTURES_DEBOUNCED,
    FLOW_METRICS,
    STOCK_METRICS,
    Metric,
    Unobserved,
    episodes,
    mean,
    seconds,
)


def _stations(name: str, description: str) -> Metric:
    text = f"{description}, mean over the observed time."
    return Metric(f"stations_{name}_mean", "stations", "double", text, mean(f"stations_{name}"))


def _share(name: str) -> Metric:
    text = f"{name.capitalize()} seconds of all stations as a share of their observed seconds."
    expression = f"sum(stations_{name} * micros) / nullif(sum(stations * micros), 0)"
    return Metric(f"{name}_share", "share 0-1", "double", text, expression)


def _mean(column: str, unit: str, description: str) -> Metric:
    return Metric(f"{column}_mean", unit, "double", description, mean(column))


STATIONS_METRICS = (
    _stations("empty", "Stations empty at once"),
    _stations("full", "Stations full at once"),
    _stations("nearly_empty", "Stations nearly empty at once"),
    _stations("nearly_full", "Stations nearly full at once"),
    _stations("closed", "Stations closed or out of service at once"),
    _stations("unknown", "Declared stations of which nothing was known at once"),
    _stations("unusable", "Stations at once at which one can't rent or can't return"),
    Metric(
        "stations_unusable_max",
        "stations",
        "long",
        "Most stations at once at which one can't rent or can't return.",
        "max(stations_unusable)",
    ),
    _share("empty"),
    _share("full"),
    _mean("imbalance", "share 0-1", "Share of the bikes to be moved for all stations to be equally full, mean."),
)

FLEET_METRICS = (
    _mean("fleet", "bikes", "Bikes seen at once: at stations, disabled ones too, and outside; mean."),
    Metric("fleet_min", "bikes", "long", "Fewest bikes seen at once, disabled and outside ones too.", "min(fleet)"),
    Metric("fleet_max", "bikes", "long", "Most bikes seen at once, disabled and outside ones too.", "max(fleet)"),
    Metric(
        "turnover",
        "per bike",
        "double",
        "Debounced departures per bike of the mean fleet: rides per bike, at least.",
        f"{DEPARTURES_DEBOUNCED} / nullif({mean('fleet')}, 0)",
    ),
    _mean("bikes_disabled", "bikes", "Disabled bikes at stations, mean."),
    _mean("vehicles_outside_stations", "vehicles", "Vehicles outside stations, mean."),
    Metric(
        "vehicles_outside_stations_max",
        "vehicles",
        "long",
        "Most vehicles outside stations at once.",
        "max(vehicles_outside_stations)",
    ),
    _mean("vehicles_reserved", "vehicles", "Reserved vehicles, mean."),
    _mean("vehicles_disabled", "vehicles", "Disabled vehicles, mean."),
    _mean("vehicles_abandoned", "vehicles", "Vehicles outside stations, unmoved and unreserved for long, mean."),
    Metric(
        "vehicles_abandoned_max",
        "vehicles",
        "long",
        "Most vehicles at once outside stations, unmoved and unreserved for long.",
        "max(vehicles_abandoned)",
    ),
    _mean("charge_low_quartile", "share 0-1", "Charge that a quarter of the vehicles have at most, mean."),
    _mean("charge_median", "share 0-1", "Charge that half of the vehicles have at most, mean."),
    _mean("charge_high_quartile", "share 0-1", "Charge that three quarters of the vehicles have at most, mean."),
    Metric(
        "low_charge_share",
        "share 0-1",
        "double",
        "Vehicle time with little charge, as a share of the vehicle time with a known charge.",
        "sum(vehicles_low_charge * micros) / nullif(sum(vehicles_charged * micros), 0)",
    ),
)

OBSERVATION_METRICS = (
    Metric(
        "unknown_seconds",
        "s",
        "double",
        "Time that has passed and in which the stations were not known.",
        f"max(elapsed_micros) / 1000000 - {seconds('stations IS NOT NULL')}",
        Unobserved.ALL,
    ),
    Metric(
        "observed_seconds",
        "s",
        "double",
        "Time in which the stations were known.",
        seconds("stations IS NOT NULL"),
        Unobserved.ZERO,
    ),
    Metric(
        "coverage",
        "share 0-1",
        "double",
        "Observed time as a share of the whole hour or day, also while that is not over yet.",
        "coalesce(sum(CASE WHEN stations IS NOT NULL THEN micros END), 0) / max(span_micros)",
        Unobserved.ZERO,
    ),
    Metric(
        "vehicles_observed_seconds",
        "s",
        "double",
        "Time in which the vehicles were known.",
        seconds("vehicles IS NOT NULL"),
        Unobserved.ZERO,
    ),
    Metric(
        "vehicles_coverage",
        "share 0-1",
        "double",
        "Time with vehicles known as a share of the whole hour or day, also while that is not over yet.",
        "coalesce(sum(CASE WHEN vehicles IS NOT NULL THEN micros END), 0) / max(span_micros)",
        Unobserved.ZERO,
    ),
    Metric(
        "hold_seconds",
        "s",
        "double",
        "How long after its poll an observation was trusted (the longest).",
        "max(hold_seconds)",
    ),
)

NETWORK_METRICS = (
    *STOCK_METRICS,
    *STATIONS_METRICS,
    *episodes("empty", "stations", "stations"),
    *episodes("full", "stations", "stations"),
    *FLOW_METRICS,
    *FLEET_METRICS,
    *OBSERVATION_METRICS,
)
