/** What the marks on the map mean. */

import { fill, make } from "./dom.js";
import { STATES, sampleOf } from "./states.js";

/** A mark as on the map. @param {string} state @param {string} [sign] */
export const mark = (state, sign = sampleOf(/** @type {any} */ (state))) =>
  make("span", { class: "mark", "data-state": state, "aria-hidden": "true" }, make("b", {}, sign));

/** @param {HTMLElement} element @param {{say: Function}} context */
export function drawLegend(element, { say }) {
  const entries = STATES.map((state) => make("li", {}, mark(state), say(state)));
  fill(element, make("summary", {}, say("legend")), make("ul", {}, ...entries), make("p", {}, say("legendHint")));
}
