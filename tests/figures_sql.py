"""The statements of `tests.figures_oracle`, one after the other: of a day, its polls, stations, vehicles, networks."""

from __future__ import annotations

# Instants and lengths are whole microseconds. `h` numbers the hours of the day, and -1 is all of it; as `s`, the
# number of a station, -1 is the network.
DAY = """
SET TimeZone = 'UTC';
CREATE OR REPLACE TEMP TABLE bound AS
    SELECT *, least(ends, epoch_us($until::TIMESTAMPTZ)) AS cut FROM (
        -- The first and the last quarter hour of the date: midnight itself may not exist, or come twice.
        SELECT min(epoch_us(quarter)) AS begins, max(epoch_us(quarter)) + 900000000 AS ends
        FROM (SELECT unnest(generate_series($day::TIMESTAMPTZ - INTERVAL 1 DAY, $day::TIMESTAMPTZ + INTERVAL 2 DAY,
            INTERVAL 15 MINUTE)) AS quarter)
        WHERE CAST(timezone($zone, quarter) AS DATE) = $day);
CREATE OR REPLACE TEMP TABLE span AS
    SELECT *, ends - begins AS whole_us, greatest(least(ends, cut) - begins, 0) AS passed_us FROM (
        SELECT -1 AS h, begins, ends, cut FROM bound UNION ALL
        SELECT (edge - begins) // 3600000000, edge, least(edge + 3600000000, ends), cut
        FROM (SELECT *, unnest(range(begins, ends, 3600000000)) AS edge FROM bound));
CREATE OR REPLACE TEMP TABLE poll AS
    WITH observing AS (
        SELECT DISTINCT ON (system_id, of_vehicles, polled_at) system_id, feed <> 'station_status' AS of_vehicles,
            polled_at, epoch_us(polled_at) AS t, entities_expected AS expected,
            CAST(round(least(hold_seconds, 86400) * 1e6) AS BIGINT) AS hold_us
        FROM feeds, bound
        WHERE is_observing AND feed IN ('station_status', 'vehicle_status', 'free_bike_status')
            AND epoch_us(polled_at) BETWEEN begins - 86400000000 AND cut - 1
        ORDER BY system_id, of_vehicles, polled_at, "offset" DESC),
    held AS (
        SELECT *, least(t + hold_us, lead(t) OVER (PARTITION BY system_id, of_vehicles ORDER BY t)) AS u
        FROM observing)
    -- One that holds up to just the day's begin is what the day's first observation is compared with.
    SELECT row_number() OVER () AS p, held.*, t >= begins AS is_of_day, (t - begins) // 3600000000 AS h
    FROM held, bound WHERE u >= begins AND cut > begins;
CREATE OR REPLACE TEMP TABLE stretch AS
    SELECT p, span.h, hold_us, least(u, ends, cut) - greatest(t, begins) AS us
    FROM poll JOIN span ON span.h >= 0 AND t < ends AND u > begins
    WHERE NOT of_vehicles AND least(u, ends, cut) > greatest(t, begins)
"""

STATIONS = """
CREATE OR REPLACE TEMP TABLE station AS
    SELECT *, row_number() OVER () AS s FROM (SELECT DISTINCT system_id, station_id FROM statuses);
CREATE OR REPLACE TEMP TABLE listed AS
    SELECT s, p, t, u, bikes::BIGINT AS bikes, docks::BIGINT AS docks, coalesce(bikes_disabled, 0) AS bikes_disabled,
        CAST(bikes + docks + coalesce(bikes_disabled, 0) + coalesce(docks_disabled, 0) AS BIGINT) AS places,
        coalesce(is_installed AND is_renting AND bikes = 0, false) AS empty,
        coalesce(is_installed AND is_returning AND docks = 0, false) AS full_,
        coalesce(is_installed AND is_renting AND bikes BETWEEN 1 AND $nearly_empty, false) AS nearly_empty,
        coalesce(is_installed AND is_returning AND docks BETWEEN 1 AND $nearly_full, false) AS nearly_full,
        NOT (is_installed AND (is_renting OR is_returning)) AS closed,
        coalesce(NOT (is_installed AND is_renting AND is_returning) OR bikes = 0 OR docks = 0, false) AS unusable
    FROM statuses JOIN poll USING (system_id, polled_at) JOIN station USING (system_id, station_id)
    WHERE NOT of_vehicles
    QUALIFY lead(t) OVER (PARTITION BY s ORDER BY t, "offset") IS DISTINCT FROM t;
-- Without a gap, what a station's last observation was trusted until is the instant of this one.
CREATE OR REPLACE TEMP TABLE seen AS
    SELECT s, t, u, CASE WHEN was_until = t THEN bikes - was_bikes END AS delta, empty, full_,
        coalesce(was_until = t, false) AS is_linked, coalesce(next_t = u, false) AS is_followed,
        coalesce(was_until = t AND before_empty, false) AS was_empty,
        coalesce(next_t = u AND after_empty, false) AS next_empty,
        coalesce(was_until = t AND before_full, false) AS was_full,
        coalesce(next_t = u AND after_full, false) AS next_full
    FROM (
        SELECT s, t, u, bikes, empty, full_, lag(u) OVER w AS was_until, lag(bikes) OVER w AS was_bikes,
            lag(empty) OVER w AS before_empty, lag(full_) OVER w AS before_full,
            lead(t) OVER w AS next_t, lead(empty) OVER w AS after_empty, lead(full_) OVER w AS after_full
        FROM listed WINDOW w AS (PARTITION BY s ORDER BY t))
    -- Of what goes on unchanged nothing is needed.
    WHERE delta IS NULL OR delta <> 0 OR empty AND NOT (was_empty AND next_empty)
        OR full_ AND NOT (was_full AND next_full);
CREATE OR REPLACE TEMP TABLE flow AS
    WITH chained AS (
        SELECT s, t, delta, count_if(delta IS NULL) OVER (PARTITION BY s ORDER BY t) AS chain
        FROM seen, bound WHERE t >= begins AND (delta IS NULL OR delta <> 0)),
    linked AS (
        SELECT *, lag(delta) OVER w = -delta AND t - lag(t) OVER w <= 600000000 AS may_pair
        FROM chained WHERE delta IS NOT NULL WINDOW w AS (PARTITION BY s, chain ORDER BY t)),
    -- Changes each of which could pair with the next go two by two from the left: an odd last one stays.
    flapping AS (
        SELECT *, count_if(may_pair IS NOT TRUE) OVER (PARTITION BY s ORDER BY t) AS flap FROM linked),
    placed AS (
        SELECT *, count(*) OVER (PARTITION BY s, flap) % 2 = 1
            AND row_number() OVER (PARTITION BY s, flap ORDER BY t DESC) = 1 AS stays
        FROM flapping)
    SELECT system_id, coalesce(s, -1) AS s, coalesce(h, -1) AS h,
        CAST(sum(greatest(delta, 0)) AS BIGINT) AS arrivals, CAST(sum(greatest(-delta, 0)) AS BIGINT) AS departures,
        CAST(coalesce(sum(greatest(delta, 0)) FILTER (stays), 0) AS BIGINT) AS arrivals_debounced,
        CAST(coalesce(sum(greatest(-delta, 0)) FILTER (stays), 0) AS BIGINT) AS departures_debounced
    FROM (SELECT system_id, s, (t - begins) // 3600000000 AS h, delta, stays FROM placed JOIN station USING (s), bound)
    GROUP BY GROUPING SETS ((system_id, s, h), (system_id, s), (system_id, h), (system_id));
CREATE OR REPLACE TEMP TABLE episode AS
    WITH edge AS (
        SELECT s, 'EMPTY' AS kind, t, u, is_linked, is_followed, was_empty AS was, next_empty AS next_
        FROM seen WHERE empty AND NOT (was_empty AND next_empty) UNION ALL
        SELECT s, 'FULL', t, u, is_linked, is_followed, was_full, next_full
        FROM seen WHERE full_ AND NOT (was_full AND next_full)),
    whole AS (
        SELECT s, kind, t, was, is_linked, CASE WHEN next_ THEN lead(u) OVER w ELSE u END AS u,
            CASE WHEN next_ THEN lead(is_followed) OVER w ELSE is_followed END AS is_followed
        FROM edge WINDOW w AS (PARTITION BY s, kind ORDER BY t))
    SELECT system_id, station_id, s, kind, (greatest(t, begins) - begins) // 3600000000 AS h,
        greatest(t, begins) AS seen_at, least(u, cut) - greatest(t, begins) AS us,
        t < begins OR NOT is_linked OR NOT is_followed AS is_censored
    FROM whole JOIN station USING (s), bound WHERE NOT was AND least(u, cut) > greatest(t, begins);
CREATE OR REPLACE TEMP TABLE spell AS
    WITH grouped AS (
        SELECT system_id, CASE WHEN by_station THEN s ELSE -1 END AS s, CASE WHEN by_hour THEN h ELSE -1 END AS h,
            kind, us, is_censored
        FROM episode, (VALUES (true, true), (true, false), (false, true), (false, false))
            AS level(by_station, by_hour)),
    ranked AS (
        SELECT *, count(*) OVER (PARTITION BY system_id, s, h, kind) + 1 - row_number() OVER w AS n
        FROM grouped WINDOW w AS (PARTITION BY system_id, s, h, kind ORDER BY us, is_censored)),
    surviving AS (
        SELECT *, product(CASE WHEN is_censored THEN 1.0::DOUBLE ELSE (n - 1) / n END) OVER (
            PARTITION BY system_id, s, h, kind ORDER BY n DESC ROWS UNBOUNDED PRECEDING) AS surviving
        FROM ranked)
    -- Quotients that multiply to just one half may come out a little above.
    SELECT system_id, s, h, count_if(kind = 'EMPTY') AS empty_episodes, count_if(kind = 'FULL') AS full_episodes,
        min(us) FILTER (kind = 'EMPTY' AND surviving <= 0.5 + 1e-9) / 1e6 AS empty_episode_median_seconds,
        min(us) FILTER (kind = 'FULL' AND surviving <= 0.5 + 1e-9) / 1e6 AS full_episode_median_seconds
    FROM surviving GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE piece AS
    SELECT s, h, sum(us) AS us, max(hold_us) AS hold_us, max(places) AS places,
        sum(bikes * us) AS bike_us, sum(us) FILTER (bikes IS NOT NULL) AS bikes_us, min(bikes) AS b0, max(bikes) AS b1,
        sum(docks * us) AS dock_us, sum(us) FILTER (docks IS NOT NULL) AS docks_us, min(docks) AS d0, max(docks) AS d1,
        sum(bikes * us) FILTER (docks IS NOT NULL) AS taken_us, sum((bikes + docks) * us) AS place_us,
        sum(us) FILTER (empty) AS empty_us, sum(us) FILTER (full_) AS full_us, sum(us) FILTER (closed) AS closed_us,
        sum(us) FILTER (nearly_empty) AS nearly_empty_us, sum(us) FILTER (nearly_full) AS nearly_full_us
    FROM listed JOIN stretch USING (p) GROUP BY ALL
"""

_FLOWS = """
    CASE WHEN bikes_mean IS NOT NULL THEN coalesce(arrivals, 0) END AS arrivals,
    CASE WHEN bikes_mean IS NOT NULL THEN coalesce(departures, 0) END AS departures,
    CASE WHEN bikes_mean IS NOT NULL THEN coalesce(arrivals_debounced, 0) END AS arrivals_debounced,
    CASE WHEN bikes_mean IS NOT NULL THEN coalesce(departures_debounced, 0) END AS departures_debounced,
    CASE WHEN bikes_mean IS NOT NULL THEN coalesce(arrivals - departures, 0) END AS net_flow"""

STATION_FIGURES = f"""
CREATE OR REPLACE TEMP TABLE station_figures AS
    WITH summed AS (
        SELECT s, coalesce(h, -1) AS h, sum(bike_us) / sum(bikes_us) AS bikes_mean,
            min(b0) AS bikes_min, max(b1) AS bikes_max, sum(dock_us) / sum(docks_us) AS docks_mean,
            min(d0) AS docks_min, max(d1) AS docks_max, sum(taken_us) / nullif(sum(place_us), 0) AS occupancy,
            coalesce(sum(empty_us), 0) / 1e6 AS empty_seconds, coalesce(sum(full_us), 0) / 1e6 AS full_seconds,
            coalesce(sum(nearly_empty_us), 0) / 1e6 AS nearly_empty_seconds,
            coalesce(sum(nearly_full_us), 0) / 1e6 AS nearly_full_seconds,
            coalesce(sum(closed_us), 0) / 1e6 AS closed_seconds, sum(us) / 1e6 AS observed_seconds,
            sum(us) AS us, max(hold_us) / 1e6 AS hold_seconds, max(places) AS capacity_seen
        FROM piece GROUP BY GROUPING SETS ((s, h), (s)))
    SELECT station.system_id, station_id, h, make_timestamptz(begins) AS start,
        summed.* EXCLUDE (s, h, us), coalesce(empty_episodes, 0) AS empty_episodes, empty_episode_median_seconds,
        coalesce(full_episodes, 0) AS full_episodes, full_episode_median_seconds, {_FLOWS},
        CASE WHEN bikes_mean IS NOT NULL THEN coalesce(arrivals_debounced + departures_debounced, 0) END
            / nullif(2 * capacity_seen, 0) AS turnover,
        (passed_us - us) / 1e6 AS unknown_seconds, us / whole_us AS coverage
    FROM summed JOIN station USING (s) JOIN span USING (h)
        LEFT JOIN (SELECT * EXCLUDE (system_id) FROM flow) USING (s, h)
        LEFT JOIN (SELECT * EXCLUDE (system_id) FROM spell) USING (s, h)
"""

POLL_TOTALS = """
CREATE OR REPLACE TEMP TABLE station_total AS
    WITH total AS (
        SELECT p, count(*) AS listed, CAST(sum(bikes) AS BIGINT) AS bikes, CAST(sum(docks) AS BIGINT) AS docks,
            CAST(sum(bikes_disabled) AS BIGINT) AS disabled,
            CAST(sum(bikes) FILTER (docks IS NOT NULL) AS BIGINT) AS b, CAST(sum(bikes + docks) AS BIGINT) AS c,
            count_if(empty) AS empty, count_if(full_) AS full_, count_if(nearly_empty) AS nearly_empty,
            count_if(nearly_full) AS nearly_full, count_if(closed) AS closed, count_if(unusable) AS unusable,
            count_if(NOT closed AND bikes IS NULL AND docks IS NULL) AS silent
        FROM listed GROUP BY p),
    moved AS (
        SELECT p, sum(abs(listed.bikes * c - b * (listed.bikes + listed.docks))) / any_value(2 * b * c) AS imbalance
        FROM listed JOIN total USING (p) WHERE b > 0 GROUP BY p)
    SELECT p, hold_us, total.* EXCLUDE (p, listed, disabled, empty, full_, nearly_empty, nearly_full, closed, unusable,
            silent), coalesce(listed, 0) AS listed, coalesce(disabled, 0) AS disabled, coalesce(empty, 0) AS empty,
        coalesce(full_, 0) AS full_, coalesce(nearly_empty, 0) AS nearly_empty,
        coalesce(nearly_full, 0) AS nearly_full, coalesce(closed, 0) AS closed, coalesce(unusable, 0) AS unusable,
        coalesce(silent, 0) + greatest(coalesce(expected - coalesce(listed, 0), 0), 0) AS unknown, imbalance
    FROM poll LEFT JOIN total USING (p) LEFT JOIN moved USING (p) WHERE NOT of_vehicles;
CREATE OR REPLACE TEMP TABLE vehicle_total AS
    WITH ridden AS (
        SELECT DISTINCT ON (p, vehicle_id) p, t, station_id, is_reserved, is_disabled, charge, still_since
        FROM vehicles JOIN poll USING (system_id, polled_at) WHERE of_vehicles ORDER BY p, vehicle_id, "offset" DESC),
    total AS (
        SELECT p, count_if(station_id IS NULL) AS outside, count_if(is_reserved) AS reserved,
            count_if(is_disabled) AS disabled, count_if(station_id IS NULL AND is_reserved IS NOT TRUE
                AND t - epoch_us(still_since) >= $abandoned_hours * 3600000000) AS abandoned,
            quantile_cont(charge, 0.25) AS low, quantile_cont(charge, 0.5) AS median,
            quantile_cont(charge, 0.75) AS high, count(charge) AS charged, count_if(charge <= $low_charge) AS weak
        FROM ridden GROUP BY p)
    SELECT p, hold_us, coalesce(outside, 0) AS outside, coalesce(reserved, 0) AS reserved,
        coalesce(disabled, 0) AS disabled, coalesce(abandoned, 0) AS abandoned, low, median, high,
        coalesce(charged, 0) AS charged, coalesce(weak, 0) AS weak
    FROM poll LEFT JOIN total USING (p) WHERE of_vehicles
"""


def _mean(of: str, name: str) -> str:
    return f"sum({of} * us) / sum(us) FILTER ({of} IS NOT NULL) AS {name}_mean"


def _stock(of: str, name: str) -> str:
    return f"{_mean(of, name)}, min({of}) AS {name}_min, max({of}) AS {name}_max"


_CONDITIONS = ("empty", "nearly_empty", "nearly_full", "closed", "unknown", "unusable")

NETWORK_FIGURES = f"""
CREATE OR REPLACE TEMP TABLE segment AS
    WITH edge AS (
        SELECT system_id, greatest(t, begins) AS edge FROM poll, bound UNION
        SELECT system_id, least(u, cut) FROM poll, bound UNION
        SELECT system_id, least(begins, cut) FROM (SELECT DISTINCT system_id FROM poll), span UNION
        SELECT system_id, cut FROM poll, bound),
    cut_up AS (
        SELECT system_id, edge, lead(edge) OVER (PARTITION BY system_id ORDER BY edge) - edge AS us FROM edge),
    has AS (SELECT system_id, bool_or(NOT of_vehicles) AS stations, bool_or(of_vehicles) AS vehicles
        FROM poll GROUP BY system_id)
    SELECT system_id, (edge - begins) // 3600000000 AS h, us, CASE WHEN a.u > edge THEN a.p END AS sp,
        CASE WHEN v.u > edge THEN v.p END AS vp, (sp IS NOT NULL OR NOT has.stations)
            AND (vp IS NOT NULL OR NOT has.vehicles) AS has_fleet
    FROM cut_up JOIN has USING (system_id)
        ASOF LEFT JOIN (SELECT * FROM poll WHERE NOT of_vehicles) a ON cut_up.system_id = a.system_id AND edge >= a.t
        ASOF LEFT JOIN (SELECT * FROM poll WHERE of_vehicles) v ON cut_up.system_id = v.system_id AND edge >= v.t,
        bound
    WHERE us IS NOT NULL;
CREATE OR REPLACE TEMP TABLE network_figures AS
    WITH moment AS (
        SELECT system_id, h, us, a.* EXCLUDE (p), outside, reserved, v.disabled AS unfit, abandoned, low, median, high,
            charged, weak, v.hold_us AS vehicles_hold_us, sp IS NOT NULL AS is_known, vp IS NOT NULL AS is_ridden,
            CASE WHEN has_fleet THEN coalesce(bikes, 0) + coalesce(a.disabled, 0) + coalesce(outside, 0) END AS fleet
        FROM segment LEFT JOIN station_total a ON sp = a.p LEFT JOIN vehicle_total v ON vp = v.p
        WHERE sp IS NOT NULL OR vp IS NOT NULL),
    summed AS (
        SELECT system_id, coalesce(h, -1) AS h, {_stock("bikes", "bikes")}, {_stock("docks", "docks")},
            sum(b * us) / nullif(sum(c * us), 0) AS occupancy, {_mean("full_", "stations_full")},
            {", ".join(_mean(name, f"stations_{name}") for name in _CONDITIONS)},
            max(unusable) AS stations_unusable_max, sum(empty * us) / nullif(sum(listed * us), 0) AS empty_share,
            sum(full_ * us) / nullif(sum(listed * us), 0) AS full_share, {_mean("imbalance", "imbalance")},
            {_stock("fleet", "fleet")}, {_mean("disabled", "bikes_disabled")},
            {_mean("outside", "vehicles_outside_stations")}, max(outside) AS vehicles_outside_stations_max,
            {_mean("reserved", "vehicles_reserved")}, {_mean("unfit", "vehicles_disabled")},
            {_mean("abandoned", "vehicles_abandoned")}, max(abandoned) AS vehicles_abandoned_max,
            {_mean("low", "charge_low_quartile")}, {_mean("median", "charge_median")},
            {_mean("high", "charge_high_quartile")},
            sum(weak * us) / nullif(sum(charged * us), 0) AS low_charge_share,
            coalesce(sum(us) FILTER (is_known), 0) AS us, coalesce(sum(us) FILTER (is_ridden), 0) AS vehicles_us,
            max(greatest(hold_us, vehicles_hold_us)) / 1e6 AS hold_seconds
        FROM moment GROUP BY GROUPING SETS ((system_id, h), (system_id)))
    SELECT system_id, h, make_timestamptz(begins) AS start, summed.* EXCLUDE (system_id, h, us, vehicles_us),
        CASE WHEN us > 0 THEN coalesce(empty_episodes, 0) END AS empty_episodes, empty_episode_median_seconds,
        CASE WHEN us > 0 THEN coalesce(full_episodes, 0) END AS full_episodes, full_episode_median_seconds, {_FLOWS},
        CASE WHEN bikes_mean IS NOT NULL THEN coalesce(departures_debounced, 0) END
            / nullif(fleet_mean, 0) AS turnover,
        (passed_us - us) / 1e6 AS unknown_seconds, us / 1e6 AS observed_seconds, us / whole_us AS coverage,
        vehicles_us / 1e6 AS vehicles_observed_seconds, vehicles_us / whole_us AS vehicles_coverage,
        coalesce(polls, 0) AS polls
    FROM summed JOIN span USING (h)
        LEFT JOIN (SELECT * EXCLUDE (s) FROM flow WHERE s = -1) USING (system_id, h)
        LEFT JOIN (SELECT * EXCLUDE (s) FROM spell WHERE s = -1) USING (system_id, h)
        LEFT JOIN (SELECT system_id, coalesce(h, -1) AS h, count(*) AS polls FROM poll
            WHERE is_of_day AND NOT of_vehicles GROUP BY GROUPING SETS ((system_id, h), (system_id)))
            USING (system_id, h)
"""

STATEMENTS = ";\n".join((DAY, STATIONS, STATION_FIGURES, POLL_TOTALS, NETWORK_FIGURES)).split(";\n")
