/** What the marks on the map mean. */

import { fill, make } from "./dom.js";
import { BEYOND, LEVELS, NEAR, THIN, sampleOf as sampleOfLevel } from "./levels.js";
import { STATES, sampleOf } from "./states.js";

/** A mark as on the map. @param {string} state @param {string} [sign] */
export const mark = (state, sign = sampleOf(/** @type {any} */ (state))) =>
  make("span", { class: "mark", "data-state": state, "aria-hidden": "true" }, make("b", {}, sign));

/** Of the live map. @param {HTMLElement} element @param {{say: Function}} context */
export function drawLegend(element, { say }) {
  const entries = STATES.map((state) => make("li", {}, mark(state), say(state)));
  fill(element, make("summary", {}, say("legend")), make("ul", {}, ...entries), make("p", {}, say("legendHint")));
}

/**
 * Of the map of the service level.
 * @param {HTMLElement} element @param {{say: Function, format: object}} context
 * @param {{target: number, most: number, isCut: boolean}} service
 */
export function drawLevels(element, { say, format }, { target, most, isCut }) {
  const words = { target: format.preciseShare(target), least: format.preciseShare(Math.max(0, target - NEAR)) };
  const entries = LEVELS.map((level) => make("li", {}, mark(level, sampleOfLevel(level)), say(`level${level}`, words)));
  if (isCut) entries.push(make("li", {}, mark(BEYOND, "≥"), say("levelBEYOND", { n: most })));
  const thin = mark("KEPT", sampleOfLevel("KEPT"));
  thin.toggleAttribute("data-thin", true);
  fill(
    element,
    make("summary", {}, say("legend")),
    make("ul", {}, ...entries, make("li", {}, thin, say("levelThin", { share: format.share(THIN) }))),
    make("p", {}, say("levelHint")),
  );
}
