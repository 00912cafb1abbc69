/** The tables: everything the pipeline computes, one table at a time. */

import { drawChart } from "./charts.js";
import { USUAL_CHOICE, readChoice, writeChoice } from "./choices.js";
import { createColumns } from "./columns.js";
import { control } from "./controls.js";
import { fill, make, write } from "./dom.js";
import { anchors } from "./downloads.js";
import { localDate } from "./format.js";
import { Grid } from "./grid.js";
import { REPORTS } from "./reports.js";
import { keepInAddress, writeRoute } from "./route.js";

export class Tables {
  #context;
  #element;
  #parts = {
    tabs: make("nav"),
    title: make("h2"),
    controls: make("div"),
    hint: make("p"),
    links: make("p"),
    summary: make("div"),
    chart: make("div"),
    grid: make("div"),
  };
  #grid;
  #name = null;
  #choice = USUAL_CHOICE;
  #stopCharts = () => {};
  #isLoading = false;

  /** @param {HTMLElement} element @param {object} context */
  constructor(element, context) {
    this.#context = context;
    this.#element = element;
    this.#grid = new Grid(this.#parts.grid, context);
    for (const [name, part] of Object.entries(this.#parts)) part.className = `tables-${name}`;
    const { tabs, title, controls, ...below } = this.#parts;
    const head = make("div", { class: "tables-head" }, title, controls);
    fill(element, tabs, make("div", { class: "tables-body" }, head, ...Object.values(below)));
  }

  /**
   * @param {?string} name of a report; an unknown one is the first
   * @param {import("./choices.js").Texts} choices as the address has them
   */
  show(name, choices) {
    this.#name = Object.hasOwn(REPORTS, name ?? "") ? name : "stations";
    const said = readChoice(REPORTS[this.#name].controls ?? [], choices, this.#today);
    this.#choice = { ...this.#choice, day: this.#choice.day || this.#today, ...said };
    this.#keepChoice();
    this.#element.hidden = false;
    this.draw();
  }

  get #today() {
    return localDate(this.#context.reference().end, this.#context.format.timeZone);
  }

  #keepChoice() {
    const choices = writeChoice(REPORTS[this.#name].controls ?? [], this.#choice, this.#today);
    keepInAddress({ view: "tables", id: this.#name, choices });
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
    this.#drawControls(report);
    this.#drawChoice(report);
  }

  #drawControls({ controls = [] }) {
    const choose = (change) => this.#choose(change);
    fill(this.#parts.controls, ...controls.map((name) => control(name, this.#choice, this.#context, choose)));
  }

  /** What depends on what was chosen, and the rows. */
  #drawChoice(report) {
    this.#parts.hint.hidden = !report.hint;
    write(this.#parts.hint, report.hint?.(this.#choice, this.#context) ?? "");
    this.#drawLinks(report);
    this.#clearCharts();
    fill(this.#parts.summary);
    this.#grid.open(createColumns(this.#context)[this.#name](this.#choice), report.sort);
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
    fill(this.#parts.links, say("exports"), ...anchors(links?.(this.#context, this.#choice) ?? {}));
  }

  #tab(name) {
    const current = name === this.#name ? "page" : null;
    return make(
      "a",
      { href: writeRoute({ view: "tables", id: name }), "aria-current": current },
      this.#context.say(REPORTS[name].title),
    );
  }

  #choose(change) {
    this.#choice = { ...this.#choice, ...change };
    this.#keepChoice();
    const report = REPORTS[this.#name];
    if ("metric" in change) {
      this.#drawControls(report);
      this.#parts.controls.querySelector('[data-control="metric"]').focus();
    }
    this.#drawChoice(report);
  }

  async #load(isFirst) {
    const [name, choice, { say }] = [this.#name, this.#choice, this.#context];
    const report = REPORTS[name];
    const isCurrent = () => name === this.#name && choice === this.#choice;
    if (isFirst) this.#grid.show([], say("loading"));
    this.#isLoading = true;
    try {
      const found = await Promise.all([report.load(this.#context, choice), report.summary?.(this.#context, choice)]);
      if (isCurrent()) this.#fill(report, ...found);
    } catch (error) {
      if (isCurrent() && isFirst) this.#grid.show([], say("failed", { reason: error.message }));
    }
    this.#isLoading = false;
  }

  #fill(report, rows, summary) {
    this.#grid.show(rows, this.#context.say(report.nothing));
    fill(this.#parts.summary, summary ?? null);
    if (report.charts && rows.length) this.#drawCharts(report, rows);
    else this.#clearCharts();
  }

  async #drawCharts(report, rows) {
    const choice = this.#choice;
    const places = report.charts.map(() => make("div"));
    const stops = await Promise.all(
      places.map((place, index) => this.#drawChart(place, report.charts[index], report, rows)),
    );
    this.#clearCharts();
    this.#stopCharts = () => stops.forEach((stop) => stop());
    if (choice === this.#choice && this.#name && REPORTS[this.#name] === report) fill(this.#parts.chart, ...places);
    else this.#clearCharts();
  }

  #drawChart(place, names, { plot, title }, rows) {
    const { say, format } = this.#context;
    const { series, ...options } = plot(rows, names, this.#choice, this.#context);
    const labels = names.map((name) => say(name));
    return drawChart(place, series, {
      ...options,
      labels,
      description: `${say(title)}: ${labels.join(", ")}`,
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
