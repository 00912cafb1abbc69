/** The tables: everything the pipeline computes, one table at a time. */

import { drawChart } from "./charts.js";
import { createColumns } from "./columns.js";
import { fill, make, write } from "./dom.js";
import { localDate } from "./format.js";
import { Grid } from "./grid.js";
import { REPORTS, SPANS } from "./reports.js";
import { writeRoute } from "./route.js";
import { networkSeries } from "./series.js";

export class Tables {
  #context;
  #element;
  #parts = { tabs: make("nav"), title: make("h2"), controls: make("div"), links: make("p"), chart: make("div"), grid: make("div") };
  #grid;
  #name = null;
  #choice = { day: "", span: 1 };
  #stopCharts = () => {};
  #isLoading = false;

  /** @param {HTMLElement} element @param {object} context */
  constructor(element, context) {
    this.#context = context;
    this.#element = element;
    this.#grid = new Grid(this.#parts.grid, context);
    for (const [name, part] of Object.entries(this.#parts)) part.className = `tables-${name}`;
    const { tabs, title, controls, links, chart, grid } = this.#parts;
    fill(
      element,
      tabs,
      make("div", { class: "tables-body" }, make("div", { class: "tables-head" }, title, controls), links, chart, grid),
    );
  }

  /** @param {?string} name of a report; an unknown one is the first */
  show(name) {
    this.#name = name in REPORTS ? name : "stations";
    this.#choice.day ||= localDate(this.#context.reference().end, this.#context.format.timeZone);
    this.#element.hidden = false;
    this.draw();
  }

  close() {
    this.#name = null;
    this.#element.hidden = true;
    this.#clearCharts();
  }

  /** Build the open table anew: another table, or another language. */
  draw() {
    if (!this.#name) return;
    const { say } = this.#context;
    const report = REPORTS[this.#name];
    fill(this.#parts.tabs, ...Object.keys(REPORTS).map((name) => this.#tab(name)));
    this.#parts.tabs.setAttribute("aria-label", say("tables"));
    this.#parts.tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    write(this.#parts.title, say(report.title));
    fill(this.#parts.controls, this.#control(report));
    this.#drawLinks(report);
    this.#clearCharts();
    this.#grid.open(createColumns(this.#context)[this.#name](), report.sort);
    this.#load(true);
  }

  /** Newer rows may be there. */
  refresh() {
    if (this.#name && !this.#isLoading) this.#load(false);
  }

  /** The same for other software. */
  #drawLinks({ links }) {
    const { say } = this.#context;
    this.#parts.links.hidden = !links;
    const found = links ? Object.entries(links(this.#context)) : [];
    fill(this.#parts.links, say("exports"), ...found.map(([name, href]) => make("a", { href }, name)));
  }

  #tab(name) {
    const current = name === this.#name ? "page" : null;
    return make(
      "a",
      { href: writeRoute({ view: "tables", id: name }), "aria-current": current },
      this.#context.say(REPORTS[name].title),
    );
  }

  #control({ control }) {
    const { say } = this.#context;
    if (control === "day") {
      const onchange = ({ target }) => target.value && this.#choose({ day: target.value });
      return make("label", {}, say("day"), make("input", { type: "date", value: this.#choice.day, onchange }));
    }
    if (control !== "span") return null;
    const options = SPANS.map((span, index) =>
      make("option", { value: index, selected: index === this.#choice.span }, spanText(span, say)),
    );
    const onchange = ({ target }) => this.#choose({ span: Number(target.value) });
    return make("label", {}, say("span"), make("select", { onchange }, ...options));
  }

  #choose(choice) {
    Object.assign(this.#choice, choice);
    this.#load(true);
  }

  async #load(isFirst) {
    const [name, choice, { say }] = [this.#name, { ...this.#choice }, this.#context];
    const report = REPORTS[name];
    const isCurrent = () => name === this.#name && choice.day === this.#choice.day && choice.span === this.#choice.span;
    if (isFirst) this.#grid.show([], say("loading"));
    this.#isLoading = true;
    try {
      const rows = await report.load(this.#context, choice);
      if (isCurrent()) this.#fill(report, rows);
    } catch (error) {
      if (isCurrent() && isFirst) this.#grid.show([], say("failed", { reason: error.message }));
    }
    this.#isLoading = false;
  }

  #fill(report, rows) {
    this.#grid.show(rows, this.#context.say(report.nothing));
    if (report.charts && rows.length) this.#drawCharts(report, rows);
    else this.#clearCharts();
  }

  async #drawCharts({ charts, title }, rows) {
    const places = charts.map(() => make("div"));
    const stops = await Promise.all(charts.map((names, index) => this.#drawChart(places[index], names, title, rows)));
    this.#clearCharts();
    this.#stopCharts = () => stops.forEach((stop) => stop());
    if (this.#name && REPORTS[this.#name].charts) fill(this.#parts.chart, ...places);
    else this.#clearCharts();
  }

  #drawChart(place, names, title, rows) {
    const { say, format, reference } = this.#context;
    const { hours, step } = SPANS[this.#choice.span];
    const to = reference().end / 1000;
    return drawChart(place, networkSeries(rows, names, Math.max(2.5 * step, 180)), {
      labels: names.map((name) => say(name)),
      from: to - hours * 3600,
      to,
      description: `${say(title)}: ${names.map((name) => say(name)).join(", ")}`,
      format,
      say,
    });
  }

  #clearCharts() {
    this.#stopCharts();
    this.#stopCharts = () => {};
    fill(this.#parts.chart);
  }
}

const spanText = ({ hours }, say) => (hours < 48 ? say("hours", { n: hours }) : say("days", { n: hours / 24 }));
