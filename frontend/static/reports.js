/** Where each table's rows come from, how it is first sorted, and what is charted above it. */

import { daySummary } from "./day.js";
import { exportLinks } from "./downloads.js";
import { localDate, shiftDate } from "./format.js";
import { dayPlot, pollPlot } from "./plots.js";
import * as queries from "./queries.js";
import { SPANS, rangeOf, rangeText } from "./ranges.js";

const HOUR = 3_600_000;
const MOST_VEHICLES = 500;
const MOST_RANKED = 100;
const DAYS_LISTED = 90;

/**
 * @typedef {{systemId: string, ask: Function, format: object, stations: object, reference: Function}} Context
 * @typedef {{day: string, span: number, range: number, metric: string, order: string}} Choice span is an index of
 *   SPANS, range a number of days
 * @typedef {{load: (context: Context, choice: Choice) => Promise<any[]>, title: string, nothing: string,
 *   sort: {key: string, isDescending: boolean}, controls?: import("./controls.js").Control[],
 *   hint?: (choice: Choice, context: Context) => string,
 *   summary?: (context: Context, choice: Choice) => Promise<?HTMLElement>,
 *   charts?: string[][], plot?: (rows: any[], names: string[], choice: Choice, context: Context) => import("./plots.js").Plot,
 *   links?: (context: Context, choice: Choice) => Object<string, string>}} Report
 */

const by = (key, isDescending = false) => ({ key, isDescending });

const vehicles = (filter) => async (context) => {
  const variables = { system: context.systemId, first: MOST_VEHICLES, ...filter };
  return (await context.ask(queries.VEHICLES, variables)).system.vehicles.nodes;
};

/** On whole steps, so that a reload shows the same moments. */
function spanOf(context, { span }) {
  const { hours, step } = SPANS[span];
  const end = Math.ceil(context.reference().end / (step * 1000)) * step * 1000;
  return { from: new Date(end - hours * HOUR).toISOString(), to: new Date(end).toISOString() };
}

/** @param {Context} context @param {Choice} choice */
async function networkHistory(context, choice) {
  const variables = { system: context.systemId, ...spanOf(context, choice), step: SPANS[choice.span].step };
  return (await context.ask(queries.NETWORK_HISTORY, variables)).system.networkHistory;
}

function listedDays(context) {
  const to = localDate(context.reference().end, context.format.timeZone);
  return { from: shiftDate(to, -DAYS_LISTED), to };
}

const networkDays = async (context) =>
  (await context.ask(queries.NETWORK_DAYS, { system: context.systemId, ...listedDays(context) })).system.networkDays;

const networkHours = async (context, { day }) =>
  (await context.ask(queries.NETWORK_HOURS, { system: context.systemId, day })).system.networkHours;

async function dayFigures(context, { day }) {
  const { system } = await context.ask(queries.NETWORK_DAY, { system: context.systemId, day });
  return daySummary(system.networkDays[0] ?? null, context);
}

async function ranking(context, { metric, range, order }) {
  const variables = { system: context.systemId, metric, order, first: MOST_RANKED, ...rangeOf(range, context) };
  return (await context.ask(queries.RANKING, variables)).system.ranking;
}

const stationDays = async (context, { day }) =>
  (await context.ask(queries.STATION_DAYS, { system: context.systemId, day })).system.stationDays;

const oneDay = ({ day }) => ({ from: day, to: day });

/** The hours and the whole of a day, of the network or of its stations, as files. */
function dayLinks({ systemId, say }, choice, hours, days) {
  const named = (what, key) =>
    Object.entries(exportLinks(systemId, what, oneDay(choice))).map(([kind, href]) => [`${say(key)} ${kind}`, href]);
  return Object.fromEntries([...named(hours, "byHour"), ...named(days, "wholeDay")]);
}

const feeds = async ({ ask, systemId }) => (await ask(queries.FEEDS, { system: systemId })).system.feeds;

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
    controls: ["span"],
    charts: [
      ["bikes", "docks"],
      ["empty", "nearlyEmpty", "full", "unknown"],
    ],
    plot: pollPlot,
    links: (context, choice) => exportLinks(context.systemId, "network-history", spanOf(context, choice)),
  },
  day: {
    title: "tableDay",
    load: networkHours,
    sort: by("hour"),
    nothing: "dayNotComputed",
    controls: ["day"],
    hint: (choice, { say }) => say("dayHint"),
    summary: dayFigures,
    charts: [
      ["bikesMean", "fleetMean"],
      ["stationsEmptyMean", "stationsFullMean", "stationsUnusableMean"],
      ["departuresDebounced", "arrivalsDebounced"],
    ],
    plot: dayPlot,
    links: (context, choice) => dayLinks(context, choice, "network-hours", "network-days"),
  },
  ranking: {
    title: "tableRanking",
    load: ranking,
    sort: by("rank"),
    nothing: "rankingNone",
    controls: ["metric", "range", "order"],
    hint: ({ range }, context) =>
      context.say("rankingHint", { range: rangeText(rangeOf(range, context), context.format) }),
    links: (context, { metric, range, order }) =>
      exportLinks(context.systemId, "ranking", { metric, order, ...rangeOf(range, context) }),
  },
  figures: {
    title: "tableFigures",
    load: stationDays,
    sort: by("emptyShare", true),
    nothing: "notComputed",
    controls: ["day"],
    hint: (choice, { say }) => say("figuresHint"),
    links: (context, choice) => dayLinks(context, choice, "station-hours", "station-days"),
  },
  days: {
    title: "tableDays",
    load: networkDays,
    sort: by("date", true),
    nothing: "notComputed",
    links: (context) => exportLinks(context.systemId, "network-days", listedDays(context)),
  },
  outside: {
    title: "tableOutside",
    load: vehicles({ outside: true }),
    sort: by("stillFor", true),
    nothing: "noVehicles",
  },
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
