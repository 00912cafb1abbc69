/** A station's typical week as a heat map: a row for each hour, a column for each day, a number in each cell. */

import { fill, make } from "./dom.js";
import { downloads, exportLinks } from "./downloads.js";
import { SHADES, cellText, greatest, hourAt, shadeOf } from "./heat.js";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Week {
  #element = make("div", { class: "week" });
  #context;
  #asked;
  #hours = [];
  /** @type {import("./heat.js").Kind} */
  #kind = "bikes";
  #told = make("p", { class: "week-told" });
  #cells = new Map();

  /** @param {object} context @param {{station: string, weeks: number, to: string}} asked to is the last local day */
  constructor(context, asked) {
    this.#context = context;
    this.#asked = asked;
  }

  get element() {
    return this.#element;
  }

  /** @param {object[]} hours the API's typicalWeek, or none */
  show(hours) {
    this.#hours = hours;
    if (hours.some(({ coverage }) => coverage > 0)) this.#draw();
    else fill(this.#element, make("p", { class: "nothing" }, this.#context.say("weekNone")));
  }

  #draw() {
    const { say, systemId } = this.#context;
    const links = exportLinks(systemId, "typical-week", this.#asked);
    fill(this.#element, this.#switch(), this.#table(), this.#told, this.#legend(), downloads(links, say));
    this.#tell(0, 0);
  }

  /** Bikes or docks. */
  #switch() {
    const { say } = this.#context;
    const button = (kind) => {
      const onclick = () => this.#choose(kind);
      return make(
        "button",
        { type: "button", "data-kind": kind, "aria-pressed": String(kind === this.#kind), onclick },
        say(kind),
      );
    };
    return make("div", { class: "switch", role: "group", "aria-label": say("week") }, button("bikes"), button("docks"));
  }

  #choose(kind) {
    this.#kind = kind;
    this.#draw();
    this.#element.querySelector(`[data-kind="${kind}"]`).focus();
  }

  #table() {
    const { say, format } = this.#context;
    this.#cells.clear();
    const most = greatest(this.#hours, this.#kind);
    const head = DAYS.map((day) => make("th", { scope: "col" }, format.weekday(day, "short")));
    const rows = HOURS.map((hour) =>
      make("tr", {}, make("th", { scope: "row" }, String(hour)), ...DAYS.map((day) => this.#cell(day, hour, most))),
    );
    return make(
      "table",
      { class: "heat", role: "grid", "aria-label": `${say("week")}: ${say(this.#kind)}` },
      make("thead", {}, make("tr", {}, make("th", { scope: "col", title: say("hour") }, "h"), ...head)),
      make("tbody", { onkeydown: (event) => this.#press(event) }, ...rows),
    );
  }

  #cell(day, hour, most) {
    const { format } = this.#context;
    const { [`${this.#kind}Mean`]: mean, coverage } = hourAt(this.#hours, day, hour);
    const tell = () => this.#tell(day, hour);
    const shade = shadeOf(hourAt(this.#hours, day, hour), this.#kind, most);
    const label = cellText(this.#hours, day, hour, this.#kind, this.#context).join(", ");
    const cell = make(
      "td",
      { "data-shade": shade ?? "none", "aria-label": label, tabindex: -1, onfocus: tell, onpointerenter: tell },
      format.decimal(mean),
    );
    cell.style.setProperty("--share", String(coverage));
    Object.assign(cell.dataset, { day, hour });
    this.#cells.set(`${day} ${hour}`, cell);
    return cell;
  }

  /** One cell is in the order of the tab key: the one that is told of. */
  #tell(day, hour) {
    this.#element.querySelector("td[tabindex='0']")?.setAttribute("tabindex", "-1");
    this.#cells.get(`${day} ${hour}`).setAttribute("tabindex", "0");
    const [when, ...told] = cellText(this.#hours, day, hour, this.#kind, this.#context);
    fill(this.#told, make("strong", {}, when), " ", told.join(" · "));
  }

  #press(event) {
    const step = STEPS[event.key];
    if (!step || !event.target.dataset.day) return;
    event.preventDefault();
    const [day, hour] = [Number(event.target.dataset.day) + step[0], Number(event.target.dataset.hour) + step[1]];
    this.#cells.get(`${day} ${hour}`)?.focus();
  }

  #legend() {
    const { say, format } = this.#context;
    const most = greatest(this.#hours, this.#kind);
    const shades = Array.from({ length: SHADES + 1 }, (_, shade) => make("i", { "data-shade": shade }));
    const scale = make("span", { class: "scale" }, "0", ...shades, format.decimal(most));
    const unseen = make("span", { class: "scale" }, make("i", { "data-shade": "none" }), say("notSeen"));
    return make(
      "div",
      { class: "week-legend" },
      scale,
      unseen,
      make("p", { class: "hint" }, say("weekHint", { n: this.#asked.weeks })),
    );
  }
}
