/** The states of a station: their order, and the sign that stands in a marker beside colour and shape. */

/** @typedef {"NORMAL"|"NEARLY_EMPTY"|"EMPTY"|"NEARLY_FULL"|"FULL"|"CLOSED"|"OUT_OF_SERVICE"|"UNKNOWN"} State */

/** In the order of the legend. @type {State[]} */
export const STATES = ["NORMAL", "NEARLY_EMPTY", "EMPTY", "NEARLY_FULL", "FULL", "CLOSED", "OUT_OF_SERVICE", "UNKNOWN"];

const SIGNS = { CLOSED: "×", OUT_OF_SERVICE: "–", UNKNOWN: "?" };
const SAMPLES = { NORMAL: "8", NEARLY_EMPTY: "2", EMPTY: "0", NEARLY_FULL: "9", FULL: "12" };

/** The state of a station, unknown when nothing was ever seen of it. @returns {State} */
export const stateOf = (station) => station.status?.state ?? "UNKNOWN";

/** What a marker says: the number of bikes, or the sign of a state in which no number means anything. */
export function signOf(station) {
  const state = stateOf(station);
  return SIGNS[state] ?? String(station.status.bikes ?? "?");
}

/** A sign to show a state by in the legend. @param {State} state */
export const sampleOf = (state) => SIGNS[state] ?? SAMPLES[state];

/** Whether one can take a bike there now. */
export const hasBikes = (station) =>
  Boolean(station.status?.isRenting && stateOf(station) !== "UNKNOWN" && station.status.bikes > 0);
