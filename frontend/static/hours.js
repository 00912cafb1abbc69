/** A day of a station, hour by hour, each figure with how much of the hour was seen. */

import { make } from "./dom.js";

/** @param {object[]} hours @param {{say: Function, format: object}} context */
export function hoursTable(hours, { say, format }) {
  if (!hours.length) return make("p", { class: "nothing" }, say("notComputed"));
  const head = ["hour", "bikesMean", "docksMean", "emptyShare", "fullShare", "coverage"];
  const rows = hours.map((hour) => make("tr", {}, ...cells(hour, format)));
  return make(
    "div",
    { class: "hours" },
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, ...head.map((key) => make("th", { scope: "col" }, say(key))))),
      make("tbody", {}, ...rows),
    ),
    make("p", { class: "hint" }, say("coverageHint")),
  );
}

function cells(hour, format) {
  return [
    make("th", { scope: "row" }, format.clock(hour.start)),
    make("td", {}, format.decimal(hour.bikesMean)),
    make("td", {}, format.decimal(hour.docksMean)),
    make("td", {}, format.share(hour.emptyShare)),
    make("td", {}, format.share(hour.fullShare)),
    make("td", {}, meter(hour.coverage, format)),
  ];
}

/** A share as a number over a bar. @param {?number} share */
export function meter(share, format) {
  const bar = make("span", { class: "meter" }, format.share(share));
  bar.style.setProperty("--share", String(share ?? 0));
  return bar;
}
