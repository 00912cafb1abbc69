/** Where each table's rows come from, how it is first sorted, and what is charted above it. */

import { localDate, shiftDate } from "./format.js";
import { FEEDS, NETWORK_DAYS, NETWORK_HISTORY, STATION_DAYS, VEHICLES } from "./queries.js";

const HOUR = 3_600_000;
const MOST_VEHICLES = 500;

/** How long the network's history goes back, and one row per so many seconds. */
export const SPANS = [
  { hours: 6, step: 60 },
  { hours: 24, step: 300 },
  { hours: 168, step: 3600 },
];

/**
 * @typedef {{systemId: string, ask: Function, format: object, stations: object, reference: Function}} Context
 * @typedef {{day: string, span: number}} Choice span is an index of SPANS
 * @typedef {{load: (context: Context, choice: Choice) => Promise<any[]>, title: string, nothing: string,
 *   sort: {key: string, isDescending: boolean}, control?: "day" | "span", charts?: string[][],
 *   links?: (context: Context) => Object<string, string>}} Report
 */

const by = (key, isDescending = false) => ({ key, isDescending });

const vehicles = (filter) => async (context) => {
  const variables = { system: context.systemId, first: MOST_VEHICLES, ...filter };
  return (await context.ask(VEHICLES, variables)).system.vehicles.nodes;
};

/** @param {Context} context @param {Choice} choice */
async function networkHistory(context, { span }) {
  const { hours, step } = SPANS[span];
  // On whole steps, so that a reload shows the same moments.
  const end = Math.ceil(context.reference().end / (step * 1000)) * step * 1000;
  const [from, to] = [new Date(end - hours * HOUR).toISOString(), new Date(end).toISOString()];
  const { system } = await context.ask(NETWORK_HISTORY, { system: context.systemId, from, to, step });
  return system.networkHistory;
}

async function networkDays(context) {
  const to = localDate(context.reference().end, context.format.timeZone);
  const { system } = await context.ask(NETWORK_DAYS, { system: context.systemId, from: shiftDate(to, -90), to });
  return system.networkDays;
}

const stationDays = async (context, { day }) =>
  (await context.ask(STATION_DAYS, { system: context.systemId, day })).system.stationDays;

const feeds = async ({ ask, systemId }) => (await ask(FEEDS, { system: systemId })).system.feeds;

/** One row for each feed and rule that it breaks. */
const deviations = async (context) =>
  (await feeds(context)).flatMap(({ name, deviations: found }) => found.map((one) => ({ ...one, feed: name })));

/** The system as other software reads it. */
function exportsOf({ systemId }) {
  const root = `/gbfs/${encodeURIComponent(systemId)}`;
  return {
    "GBFS 2.3": `${root}/gbfs.json`,
    "GBFS 3.0": `${root}/3.0/gbfs.json`,
    GeoJSON: `${root}/stations.geojson`,
    CSV: `${root}/stations.csv`,
  };
}

/** @type {Object<string, Report>} */
export const REPORTS = {
  stations: {
    title: "tableStations",
    load: async ({ stations }) => stations.all(),
    sort: by("station"),
    nothing: "waiting",
  },
  network: {
    title: "tableNetwork",
    load: networkHistory,
    sort: by("time", true),
    nothing: "noHistory",
    control: "span",
    charts: [
      ["bikes", "docks"],
      ["empty", "nearlyEmpty", "full", "unknown"],
    ],
  },
  figures: {
    title: "tableFigures",
    load: stationDays,
    sort: by("emptyShare", true),
    nothing: "notComputed",
    control: "day",
  },
  days: { title: "tableDays", load: networkDays, sort: by("date", true), nothing: "notComputed" },
  outside: { title: "tableOutside", load: vehicles({ outside: true }), sort: by("stillFor", true), nothing: "noVehicles" },
  reserved: { title: "tableReserved", load: vehicles({ reserved: true }), sort: by("station"), nothing: "noVehicles" },
  disabled: { title: "tableDisabled", load: vehicles({ disabled: true }), sort: by("station"), nothing: "noVehicles" },
  charge: {
    title: "tableCharge",
    load: vehicles({ order: "CHARGE_DESC", first: 100 }),
    sort: by("", true),
    nothing: "noVehicles",
  },
  feeds: {
    title: "tableFeeds",
    load: feeds,
    sort: by("feed"),
    nothing: "none",
    links: exportsOf,
  },
  deviations: { title: "tableDeviations", load: deviations, sort: by("count", true), nothing: "noDeviations" },
};
