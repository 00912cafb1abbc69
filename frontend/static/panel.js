/** The panel beside the map: one station, live, with its last day, today's hours, its episodes and its typical week. */

import { drawChart } from "./charts.js";
import { fill, make, write } from "./dom.js";
import { downloads, exportLinks } from "./downloads.js";
import { episodesList } from "./episodes.js";
import { localDate, shiftDate } from "./format.js";
import { hoursTable } from "./hours.js";
import { ages, fillNow } from "./now.js";
import { STATION_DETAIL, STATION_EPISODES, STATION_WEEK } from "./queries.js";
import { stationSeries } from "./series.js";
import { Week } from "./week.js";

const DAY = 86_400_000;
const WEEKS = 8; // of a typical week
const EPISODE_DAYS = 7; // today and the days before it

export class Panel {
  #element;
  #context;
  #id = null;
  #rows = null;
  #parts = null;
  #stopChart = () => {};

  /** @param {HTMLElement} element @param {object} context */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
  }

  /** Show this station. @param {string} id */
  show(id) {
    this.close();
    this.#id = id;
    this.draw();
    this.#element.scrollTop = 0;
  }

  close() {
    this.#stopChart();
    this.#stopChart = () => {};
    [this.#id, this.#rows, this.#parts] = [null, null, null];
  }

  /** Build the panel anew: another station, or another language. */
  draw() {
    const station = this.#context.stations.get(this.#id);
    if (!station) return this.#drawUnknown();
    this.#parts = {
      now: make("div", { class: "now" }),
      chart: make("div", { class: "chart-place" }),
      files: make("div"),
      hours: make("div"),
      episodes: make("div"),
      week: new Week(this.#context, { station: this.#id, weeks: WEEKS, to: shiftDate(this.#day(), -1) }),
      promise: make("div", { class: "promise" }),
    };
    fill(this.#element, ...this.#frame(station));
    this.#element.hidden = false;
    fillNow(this.#parts.now, station, this.#context);
    this.drawPromise();
    this.#load(this.#id);
  }

  /** How well the station keeps the service level, while the map shows that. */
  drawPromise() {
    if (this.#parts) fill(this.#parts.promise, this.#context.service?.summaryOf(this.#id) ?? null);
  }

  /** An address may name a station that is gone. */
  #drawUnknown() {
    const { stations, say } = this.#context;
    if (!this.#id || !stations.isKnown) return;
    fill(this.#element, heading(this.#id, say), make("p", {}, say("noStation")));
    this.#element.hidden = false;
  }

  /** New numbers came for these stations. @param {string[]} ids */
  update(ids) {
    if (this.#parts && ids.includes(this.#id)) this.#extend(this.#context.stations.get(this.#id));
  }

  /** A second has gone by: the ages have grown. */
  tick() {
    const station = this.#parts && this.#context.stations.get(this.#id);
    if (station) write(this.#parts.now.querySelector(".age"), ages(station, this.#context));
  }

  #frame(station) {
    const { say } = this.#context;
    const { now, promise, chart, files, hours, episodes, week } = this.#parts;
    const { isPast, end } = this.#span();
    const moment = this.#context.format.moment(end);
    return [
      heading(station.name, say),
      promise,
      now,
      make("h3", {}, isPast ? say("lastDayTo", { moment }) : say("lastDay")),
      chart,
      files,
      make("h3", {}, isPast ? say("hoursOf", { day: this.#context.format.day(this.#day()) }) : say("today")),
      hours,
      make("h3", {}, say("episodes", { n: EPISODE_DAYS })),
      episodes,
      make("h3", {}, say("week")),
      week.element,
    ];
  }

  #span() {
    const { end, isPast } = this.#context.reference();
    return { end, isPast, from: end - DAY };
  }

  #day() {
    return localDate(this.#span().end, this.#context.format.timeZone);
  }

  #load(id) {
    const { from, end } = this.#span();
    const [day, names] = [this.#day(), { system: this.#context.systemId, station: id }];
    const span = { from: new Date(from).toISOString(), to: new Date(end + 1).toISOString() };
    const range = { from: shiftDate(day, 1 - EPISODE_DAYS), to: day };
    const { chart, episodes, week } = this.#parts;
    this.#ask(chart, STATION_DETAIL, { ...names, ...span, day }, (found) => this.#drawDetail(found, span));
    this.#ask(episodes, STATION_EPISODES, { ...names, ...range }, (found) =>
      fill(episodes, episodesList(found?.episodes ?? [], range, id, this.#context)),
    );
    this.#ask(week.element, STATION_WEEK, { ...names, weeks: WEEKS, to: shiftDate(day, -1) }, (found) =>
      week.show(found?.typicalWeek ?? []),
    );
  }

  /** Ask for a part of the panel, which says meanwhile that it waits, and why when it gets nothing. */
  async #ask(place, query, variables, show) {
    const { ask, say } = this.#context;
    const parts = this.#parts;
    write(place, say("loading"));
    try {
      const { system } = await ask(query, variables);
      if (parts === this.#parts) show(system.station);
    } catch (error) {
      if (parts === this.#parts) write(place, say("failed", { reason: error.message }));
    }
  }

  #drawDetail(detail, span) {
    const [hours, day] = [detail?.hours ?? [], this.#day()];
    this.#rows = detail?.history ?? [];
    this.#drawChart();
    fill(this.#parts.files, this.#rows.length ? this.#files("station-history", span) : null);
    const files = hours.length ? this.#files("station-hours", { from: day, to: day }) : null;
    fill(this.#parts.hours, hoursTable(hours, this.#context), files);
  }

  #files(what, choice) {
    const { say, systemId } = this.#context;
    return downloads(exportLinks(systemId, what, { ...choice, station: this.#id }), say);
  }

  #extend(station) {
    fillNow(this.#parts.now, station, this.#context);
    if (!this.#rows || !station.status) return;
    const last = this.#rows.at(-1);
    const { state, bikes, docks, polledAt } = station.status;
    if (last && last.state === state && last.bikes === bikes && last.docks === docks) return;
    // An unknown state begins when the last one is no longer trusted, which is now.
    const since = state === "UNKNOWN" ? new Date().toISOString() : polledAt;
    if (!last || since > last.polledAt) this.#rows.push({ state, bikes, docks, polledAt: since });
    this.#drawChart();
  }

  async #drawChart() {
    const { say, format } = this.#context;
    const parts = this.#parts;
    this.#stopChart();
    if (!this.#rows.length) return write(parts.chart, say("noHistory"));
    const { from, end } = this.#span();
    const stop = await drawChart(parts.chart, stationSeries(this.#rows, from, end), {
      labels: [say("bikes"), say("docks")],
      isStepped: true,
      from: from / 1000,
      to: end / 1000,
      description: `${say("lastDay")}: ${say("bikes")}, ${say("docks")}`,
      format,
      say,
    });
    if (parts === this.#parts) this.#stopChart = stop;
    else stop();
  }
}

/** A panel's name and the button that closes it. @param {string} text */
export function heading(text, say) {
  const close = make("button", { type: "button", class: "close", "data-close": true, "aria-label": say("close") }, "×");
  return make("div", { class: "panel-head" }, make("h2", {}, text), close);
}
