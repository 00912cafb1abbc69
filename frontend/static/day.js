/** The figures of one day of the network, each with how much of the day was seen. */

import { make } from "./dom.js";
import { meter } from "./hours.js";

/**
 * What is told of a day: the field, how it is shown, beside which other figures, and whose coverage it stands on.
 * @type {[string, string, string[], string][]}
 */
const FIGURES = [
  ["bikesMean", "decimal", ["bikesMin", "bikesMax"], "coverage"],
  ["fleetMean", "decimal", ["fleetMin", "fleetMax"], "coverage"],
  ["emptyShare", "share", [], "coverage"],
  ["fullShare", "share", [], "coverage"],
  ["stationsUnusableMean", "decimal", ["", "stationsUnusableMax"], "coverage"],
  ["emptyEpisodes", "integer", ["emptyEpisodeMedianSeconds"], "coverage"],
  ["fullEpisodes", "integer", ["fullEpisodeMedianSeconds"], "coverage"],
  ["departuresDebounced", "integer", [], "coverage"],
  ["turnover", "decimal", [], "coverage"],
  ["occupancy", "share", [], "coverage"],
  ["imbalanceMean", "share", [], "coverage"],
  ["vehiclesOutsideStationsMean", "decimal", [], "vehiclesCoverage"],
  ["vehiclesAbandonedMean", "decimal", ["", "vehiclesAbandonedMax"], "vehiclesCoverage"],
  ["chargeMedianMean", "share", [], "vehiclesCoverage"],
  ["lowChargeShare", "share", [], "vehiclesCoverage"],
];

/** @param {?object} day as in the API's networkDays; null where none is computed */
export function daySummary(day, { say, format }) {
  if (!day) return null;
  const tiles = FIGURES.map((figure) => tile(figure, day, say, format));
  return make("dl", { class: "day-figures" }, ...tiles);
}

function tile([name, kind, beside, coverage], day, say, format) {
  const value = make("b", {}, format[kind](day[name]));
  const also = alsoText(beside, day, say, format);
  return make(
    "div",
    { "data-figure": name },
    make("dt", {}, say(name)),
    make("dd", {}, value, also ? make("span", {}, also) : null),
    make("dd", { class: "seen" }, say("coverage"), " ", meter(day[coverage], format)),
  );
}

/** "12–87", "at most 9" or "median 1h 4m"; "" where there is nothing to tell. */
function alsoText([first, last], day, say, format) {
  if ((day[first || last] ?? null) === null) return "";
  if (!last) return say("medianOf", { length: format.stretch(day[first]) });
  if (!first) return say("peak", { n: format.integer(day[last]) });
  return `${format.integer(day[first])}–${format.integer(day[last])}`;
}
