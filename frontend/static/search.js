/** Find a station by name: accents and case don't count, the arrow keys choose. */

import { fill, make } from "./dom.js";
import { mark } from "./legend.js";
import { signOf, stateOf } from "./states.js";

const MOST = 8;

/** "Château d'Eau" → "chateau d eau". @param {string} text */
export const fold = (text) =>
  text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/**
 * The stations whose name has every word of the text, those that begin with it first.
 * @template {{name: string}} T
 * @param {T[]} stations @param {string} text @returns {T[]}
 */
export function find(stations, text) {
  const words = fold(text).split(" ");
  const rank = (station) => (fold(station.name).startsWith(words.join(" ")) ? 0 : 1);
  return stations
    .filter((station) => words.every((word) => fold(station.name).includes(word)))
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
    .slice(0, MOST);
}

export class Search {
  #input;
  #list;
  #context;
  #onPick;
  #found = [];
  #active = -1;

  /** @param {HTMLInputElement} input @param {HTMLElement} list @param {object} context @param {Function} onPick */
  constructor(input, list, context, onPick) {
    this.#input = input;
    this.#list = list;
    this.#context = context;
    this.#onPick = onPick;
    input.addEventListener("input", () => this.#look());
    input.addEventListener("focus", () => this.#look());
    input.addEventListener("blur", () => this.#close());
    input.addEventListener("keydown", (event) => this.#press(event));
    this.draw();
  }

  draw() {
    this.#input.placeholder = this.#context.say("search");
    this.#input.setAttribute("aria-label", this.#context.say("search"));
  }

  #look() {
    this.#found = this.#input.value.trim() ? find(this.#context.stations.all(), this.#input.value) : [];
    this.#activate(this.#found.length ? 0 : -1);
  }

  #press(event) {
    const actions = {
      ArrowDown: () => this.#activate((this.#active + 1) % this.#found.length),
      ArrowUp: () => this.#activate((this.#active + this.#found.length - 1) % this.#found.length),
      Enter: () => this.#pick(this.#found[this.#active]),
      Escape: () => this.#clear(),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape" || this.#found.length) actions[event.key]();
  }

  #activate(index) {
    this.#active = index;
    this.#input.setAttribute("aria-expanded", String(Boolean(this.#input.value.trim())));
    this.#input.setAttribute("aria-activedescendant", index < 0 ? "" : `found-${index}`);
    this.#list.hidden = !this.#input.value.trim();
    fill(this.#list, ...this.#options());
    this.#list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  #options() {
    if (!this.#found.length) return [make("li", { class: "none" }, this.#context.say("foundNone"))];
    return this.#found.map((station, index) => {
      const attributes = { id: `found-${index}`, role: "option", "aria-selected": String(index === this.#active) };
      // pointerdown: a click would come after the blur that closes the list
      const onpointerdown = (event) => (event.preventDefault(), this.#pick(station));
      return make("li", { ...attributes, onpointerdown }, mark(stateOf(station), signOf(station)), station.name);
    });
  }

  #pick(station) {
    this.#clear();
    this.#input.blur();
    this.#onPick(station.id);
  }

  #clear() {
    this.#input.value = "";
    this.#found = [];
    this.#close();
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }
}
