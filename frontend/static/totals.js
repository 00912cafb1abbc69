/** The network's totals in the header; "…" until they are known. */

import { make, write } from "./dom.js";

const FIGURES = ["bikes", "docks", "stations", "empty", "full", "closed", "unknown"];

export class Totals {
  #element;
  #context;
  #parts;
  #network = null;

  /** @param {HTMLElement} element @param {object} context */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
    this.#parts = FIGURES.map((name) => ({ name, label: make("dt"), value: make("dd", {}, "…") }));
    for (const { name, label, value } of this.#parts) element.append(make("div", { "data-total": name }, value, label));
    this.draw();
  }

  /** @param {object} network as counted with the newest poll */
  update(network) {
    this.#network = network;
    this.draw();
  }

  draw() {
    const { say, format, situation } = this.#context;
    this.#element.classList.toggle("past", situation.link !== "live");
    for (const { name, label, value } of this.#parts) {
      write(label, say(name));
      write(value, this.#network ? format.integer(this.#figure(name)) : "…");
    }
  }

  /** Out of date, a total is no longer known. */
  #figure(name) {
    if (this.#context.situation.isStale) return null;
    return name === "stations" ? this.#network.stationsReporting : this.#network[name];
  }
}
