/** What stations can be ranked by, and how each value reads in its unit. */

/** @typedef {"share" | "bikes" | "docks" | "times" | "perPlace"} Unit */

/** By the metric's name in the API, in the order of the choice. @type {Object<string, Unit>} */
export const RANKED = {
  EMPTY_SHARE: "share",
  FULL_SHARE: "share",
  NEARLY_EMPTY_SHARE: "share",
  NEARLY_FULL_SHARE: "share",
  CLOSED_SHARE: "share",
  EMPTY_EPISODES: "times",
  FULL_EPISODES: "times",
  DEPARTURES_DEBOUNCED: "bikes",
  ARRIVALS_DEBOUNCED: "bikes",
  NET_FLOW: "bikes",
  TURNOVER: "perPlace",
  OCCUPANCY: "share",
  BIKES_MEAN: "bikes",
  DOCKS_MEAN: "docks",
  COVERAGE: "share",
};

export const ORDERS = ["GREATEST", "LEAST"];

const COUNTS = { bikes: "bikesCount", docks: "docksCount", times: "timesCount", perPlace: "perPlaceCount" };

/** Of most metrics the greatest values are wanted, but the least of what was seen. @param {string} metric */
export const usualOrder = (metric) => (metric === "COVERAGE" ? "LEAST" : "GREATEST");

/**
 * "12%", "4.5 bikes", "1.3 per place"; the dash for what is not known.
 * @param {string} metric @param {?number} value @param {{say: Function, format: object}} context
 */
export function valueText(metric, value, { say, format }) {
  const unit = RANKED[metric];
  if (unit === "share" || value === null || value === undefined) return format.share(value);
  return say(COUNTS[unit], { n: Math.round(value * 10) / 10 });
}
