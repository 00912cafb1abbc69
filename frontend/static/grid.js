/** A table that sorts by any of its columns; on a phone each row becomes a card. */

import { fill, make } from "./dom.js";

const STEP = 100;

/**
 * @typedef {{key: string, label: string, value: (row: any) => unknown, show: (row: any) => string | Node,
 *   isText?: boolean, isLong?: boolean}} Column value is what is sorted by
 */

/**
 * Unknown values come last, whichever way one sorts.
 * @param {any[]} rows @param {(row: any) => unknown} value @param {boolean} isDescending @returns {any[]}
 */
export function sorted(rows, value, isDescending) {
  const sign = isDescending ? -1 : 1;
  return [...rows].sort((a, b) => compare(value(a), value(b), sign));
}

function compare(a, b, sign) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
}

export class Grid {
  #element;
  #context;
  /** @type {Column[]} */
  #columns = [];
  #rows = [];
  #sort = { key: "", isDescending: false };
  #shown = STEP;

  /** @param {HTMLElement} element */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
  }

  /** Another table. @param {Column[]} columns @param {{key: string, isDescending: boolean}} sort */
  open(columns, sort) {
    [this.#columns, this.#rows, this.#sort, this.#shown] = [columns, [], sort, STEP];
    fill(this.#element);
  }

  /** @param {any[]} rows @param {string} nothing what to say when there is none */
  show(rows, nothing) {
    this.#rows = rows;
    if (rows.length) this.#draw();
    else fill(this.#element, make("p", { class: "nothing" }, nothing));
  }

  #draw() {
    const column = this.#columns.find(({ key }) => key === this.#sort.key);
    const rows = column ? sorted(this.#rows, column.value, this.#sort.isDescending) : this.#rows;
    const body = make("tbody", {}, ...rows.slice(0, this.#shown).map((row) => this.#row(row)));
    const focused = this.#element.querySelector("th button:focus")?.parentElement?.dataset.key;
    fill(this.#element, make("table", { class: "grid" }, this.#head(), body), this.#foot());
    if (focused) this.#element.querySelector(`th[data-key="${focused}"] button`).focus();
  }

  #head() {
    return make("thead", {}, make("tr", {}, ...this.#columns.map((column) => this.#headCell(column))));
  }

  #headCell({ key, label, isText }) {
    const isSorted = key === this.#sort.key;
    const order = isSorted ? (this.#sort.isDescending ? "descending" : "ascending") : null;
    const button = make("button", { type: "button", onclick: () => this.#sortBy(key, !isText) }, label);
    return make("th", { scope: "col", "aria-sort": order, "data-key": key, class: isText ? null : "number" }, button);
  }

  /** Numbers begin with the greatest, texts with A. */
  #sortBy(key, isDescending) {
    const isAgain = this.#sort.key === key;
    this.#sort = { key, isDescending: isAgain ? !this.#sort.isDescending : isDescending };
    this.#draw();
  }

  #row(row) {
    const cells = this.#columns.map(({ label, show, isText, isLong }, index) =>
      make(
        index ? "td" : "th",
        { scope: index ? null : "row", "data-label": label, class: isLong ? "long" : isText ? null : "number" },
        show(row),
      ),
    );
    return make("tr", {}, ...cells);
  }

  #foot() {
    const { say } = this.#context;
    const [n, shown] = [this.#rows.length, Math.min(this.#shown, this.#rows.length)];
    const text = make("span", {}, shown < n ? say("rowsOf", { shown, n }) : say("rows", { n }));
    const onclick = () => ((this.#shown += 5 * STEP), this.#draw());
    return make(
      "p",
      { class: "foot" },
      text,
      shown < n ? make("button", { type: "button", onclick }, say("more")) : null,
    );
  }
}
