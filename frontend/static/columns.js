/** The columns of each table: what is sorted by, and what is shown. */

import { make } from "./dom.js";
import { meter } from "./hours.js";
import { mark } from "./legend.js";
import { valueText } from "./ranking.js";
import { writeRoute } from "./route.js";
import { signOf, stateOf, STATES } from "./states.js";

const stationLink = ({ id, name }) => make("a", { href: writeRoute({ view: "station", id }) }, name);

/** @returns {Object<string, (choice: import("./reports.js").Choice) => import("./grid.js").Column[]>} by table */
export function createColumns({ say, format }) {
  const text = (key, value, show = value) => ({ key, label: say(key), value, show, isText: true });
  const number = (key, value, show = format.integer) => ({
    key,
    label: say(key),
    value,
    show: (row) => show(value(row)),
  });
  const long = (key, value) => ({
    ...text(key, value, (row) => value(row) ?? format.integer(null)),
    isLong: true,
  });
  const field = (key, show, name = key) => number(key, (row) => row[name], show);
  const time = (key, value, show = format.moment) => ({ ...text(key, value), show: (row) => show(value(row)) });
  const yes = (key, name) => text(key, (row) => say(row[name] ? "yes" : "no"));
  const coverage = field("coverage", (share) => meter(share, format));
  const range = { ...number("bikesRange", (row) => row.bikesMax), show: (row) => rangeText(row, format) };
  const live = (name) => number(name, ({ status }) => (status?.state === "UNKNOWN" ? null : status?.[name]));

  const stateCell = (station) =>
    make("span", { class: "state" }, mark(stateOf(station), signOf(station)), say(stateOf(station)));
  const place = (bike) => (bike.station ? stationLink(bike.station) : say("outside"));
  const abandonedText = ({ isAbandoned }) => (isAbandoned === null ? null : say(isAbandoned ? "yes" : "no"));
  const abandonedCell = (row) =>
    make("span", { class: row.isAbandoned ? "abandoned" : null }, abandonedText(row) ?? format.integer(null));
  const point = ({ lat, lon }) =>
    lat === null || lon === null ? format.integer(null) : `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
  const bike = (...more) => [
    text("bike", (row) => row.id),
    { ...text("station", (row) => row.station?.name ?? null), show: place },
    ...more,
    field("range", format.distance, "rangeMeters"),
    field("charge", format.share),
    time("polled", (row) => row.polledAt, format.clock),
  ];

  return {
    stations: () => [
      { ...text("station", (row) => row.name), show: stationLink },
      { ...text("state", (row) => STATES.indexOf(stateOf(row))), show: stateCell },
      ...["bikes", "docks", "bikesDisabled", "docksDisabled"].map(live),
      number("capacityColumn", (row) => row.capacity),
      number("observedColumn", (row) => row.observedCapacity),
      time("reportedColumn", (row) => row.status?.lastReported ?? null),
    ],
    network: () => [
      time("time", (row) => row.polledAt),
      ...["bikes", "docks", "empty", "nearlyEmpty", "full", "nearlyFull", "closed", "unknown", "bikesDisabled"].map(
        (name) => field(name),
      ),
      field("reporting", format.integer, "stationsReporting"),
      field("outsideColumn", format.integer, "vehiclesOutsideStations"),
      field("abandoned", format.integer, "vehiclesAbandoned"),
      field("fleet"),
      field("unusable", format.integer, "stationsUnusable"),
      field("imbalance", format.share),
      field("lowCharge", format.integer, "vehiclesLowCharge"),
      field("chargeMedian", format.share),
    ],
    day: () => [
      time("hour", (row) => row.start, format.clock),
      coverage,
      ...["bikesMean", "fleetMean", "stationsEmptyMean", "stationsFullMean", "stationsUnusableMean"].map((name) =>
        field(name, format.decimal),
      ),
      field("departuresDebounced", format.integer),
      field("arrivalsDebounced", format.integer),
      field("vehiclesOutsideStationsMean", format.decimal),
      field("vehiclesCoverage", (share) => meter(share, format)),
    ],
    ranking: ({ metric }) => [
      { ...text("station", (row) => row.station.name), show: (row) => stationLink(row.station) },
      field("rank"),
      number(
        `metric${metric}`,
        (row) => row.value,
        (value) => valueText(metric, value, { say, format }),
      ),
      coverage,
    ],
    days: () => [
      time("date", (row) => row.date, format.day),
      field("bikesMean", format.decimal),
      range,
      field("docksMean", format.decimal),
      field("emptyShare", format.share),
      field("fullShare", format.share),
      coverage,
    ],
    figures: () => [
      { ...text("station", (row) => row.station.name), show: (row) => stationLink(row.station) },
      field("bikesMean", format.decimal),
      range,
      field("docksMean", format.decimal),
      field("emptyShare", format.share),
      field("fullShare", format.share),
      number(
        "closedShare",
        (row) => (row.observedSeconds ? row.closedSeconds / row.observedSeconds : null),
        format.share,
      ),
      coverage,
    ],
    outside: () =>
      bike(
        { ...text("position", (row) => row.lat), show: point },
        yes("reserved", "isReserved"),
        yes("disabled", "isDisabled"),
        number("stillFor", secondsStill, format.duration),
        { ...text("abandoned", abandonedText), show: abandonedCell },
      ),
    reserved: () => bike(yes("disabled", "isDisabled")),
    disabled: () => bike(yes("reserved", "isReserved")),
    charge: () => bike(yes("reserved", "isReserved"), yes("disabled", "isDisabled")),
    feeds: () => [
      text("feed", (row) => row.name),
      {
        ...text("state", (row) => say(row.state)),
        show: (row) => make("span", { class: "health-state", "data-state": row.state }, say(row.state)),
      },
      text("fetch", (row) => say(row.fetch)),
      time("polled", (row) => row.polledAt),
      time("lastUpdated", (row) => row.lastUpdated),
      number("latency", (row) => row.latencyMs, format.milliseconds),
      number("size", (row) => row.bytes, format.bytes),
      field("deviations", format.integer, "deviationCount"),
      long("reason", (row) => row.reason),
    ],
    deviations: () => [
      long("rule", (row) => row.meaning ?? row.rule),
      text("feed", (row) => row.feed),
      field("count"),
      long("example", (row) => row.example),
    ],
  };
}

/** How long a bike has stood outside stations when it was last seen; null where it did not, or nobody knows. */
const secondsStill = ({ stillSince, polledAt }) =>
  stillSince === null ? null : (Date.parse(polledAt) - Date.parse(stillSince)) / 1000;

const rangeText = ({ bikesMin, bikesMax }, format) =>
  bikesMin === null ? format.integer(null) : `${format.integer(bikesMin)}–${format.integer(bikesMax)}`;
