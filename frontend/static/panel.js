/** The panel beside the map: one station, live, with its last day and today's hours. */

import { drawChart } from "./charts.js";
import { fill, make, write } from "./dom.js";
import { localDate } from "./format.js";
import { hoursTable } from "./hours.js";
import { mark } from "./legend.js";
import { STATION_DETAIL } from "./queries.js";
import { stationSeries } from "./series.js";
import { signOf, stateOf } from "./states.js";

const DAY = 86_400_000;

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
      hours: make("div"),
    };
    fill(this.#element, ...this.#frame(station));
    this.#element.hidden = false;
    fillNow(this.#parts.now, station, this.#context);
    this.#load(this.#id);
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
    const { now, chart, hours } = this.#parts;
    const { isPast, end } = this.#span();
    const moment = this.#context.format.moment(end);
    return [
      heading(station.name, say),
      now,
      make("h3", {}, isPast ? say("lastDayTo", { moment }) : say("lastDay")),
      chart,
      make("h3", {}, isPast ? say("hoursOf", { day: this.#context.format.day(this.#day()) }) : say("today")),
      hours,
    ];
  }

  #span() {
    const { end, isPast } = this.#context.reference();
    return { end, isPast, from: end - DAY };
  }

  #day() {
    return localDate(this.#span().end, this.#context.format.timeZone);
  }

  async #load(id) {
    const { ask, systemId, say } = this.#context;
    const { from, end } = this.#span();
    const [start, to] = [new Date(from).toISOString(), new Date(end + 1).toISOString()];
    const parts = this.#parts;
    write(parts.chart, say("loading"));
    try {
      const { system } = await ask(STATION_DETAIL, {
        system: systemId,
        station: id,
        from: start,
        to,
        day: this.#day(),
      });
      if (parts === this.#parts) this.#drawDetail(system.station);
    } catch (error) {
      if (parts === this.#parts) write(parts.chart, say("failed", { reason: error.message }));
    }
  }

  #drawDetail(detail) {
    this.#rows = detail?.history ?? [];
    this.#drawChart();
    fill(this.#parts.hours, hoursTable(detail?.hours ?? [], this.#context));
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

/** The live numbers: state, counts, capacity, warnings and age. */
function fillNow(place, station, context) {
  const { say, format } = context;
  const { status } = station;
  const isUnknown = stateOf(station) === "UNKNOWN";
  const state = make("p", { class: "state" }, mark(stateOf(station), signOf(station)), say(stateOf(station)));
  const shown = isUnknown ? null : status;
  const figures = ["bikes", "docks", "bikesDisabled"].map((name) =>
    figure(say(name), format.integer(shown?.[name]), name),
  );
  const lines = [capacity(station, say), ...warnings(status, isUnknown, say)].filter(Boolean);
  const children = [state, make("dl", { class: "figures" }, ...figures), ...lines.map((line) => make("p", {}, line))];
  fill(place, ...children, make("p", { class: "age" }, ages(station, context)));
}

const figure = (label, value, name) =>
  make("div", { "data-figure": name }, make("dd", {}, value), make("dt", {}, label));

function capacity({ capacity: declared, observedCapacity: observed }, say) {
  const parts = [];
  if (declared !== null) parts.push(say("capacityDeclared", { n: declared }));
  if (observed !== null) parts.push(say("capacityObserved", { n: observed }));
  return `${say("capacity")}: ${parts.join(" · ") || say("unknown").toLowerCase()}`;
}

function warnings(status, isUnknown, say) {
  if (!status || isUnknown) return [];
  const isNowhere = status.bikes === 0 && status.docks === 0;
  return [
    status.isRenting ? null : say("noRenting"),
    status.isReturning ? null : say("noReturning"),
    isNowhere ? say("emptyAndFull") : null,
  ];
}

/** When we saw it, and when it last spoke itself (which on some platforms is months ago). */
function ages({ status }, { say, format, situation }) {
  if (!status) return say("never");
  // While the state is known, every poll has seen the station, also those that changed nothing.
  const seen =
    status.state === "UNKNOWN"
      ? Date.parse(status.polledAt)
      : Math.max(Date.parse(status.polledAt), situation.polledAt ?? 0);
  const age = say("seen", { age: format.duration((Date.now() - seen) / 1000) });
  return status.lastReported ? `${age} · ${say("reported", { moment: format.moment(status.lastReported) })}` : age;
}
