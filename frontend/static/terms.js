/** What a service level is asked for: how many bikes and docks, when, and what share of the time is promised. */

import { rangeOf } from "./ranges.js";

export const WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

export const MOST_COUNTED = 5; // up to which the pipeline keeps bikes and docks apart

/**
 * @typedef {{minBikes: number, minDocks: number, fromHour: number, toHour: number, weekdays: string[], days: number,
 *   target: number}} Terms hours are local, toHour the end of the last one; target is a share
 */

/** As contracts ask: by day, every day. @type {Terms} */
export const USUAL = {
  minBikes: 2,
  minDocks: 2,
  fromHour: 6,
  toHour: 22,
  weekdays: WEEKDAYS,
  days: 7,
  target: 0.9,
};

/** "mon", as addresses name it. @param {string} weekday */
export const shortDay = (weekday) => weekday.slice(0, 3).toLowerCase();

/** For the query. @param {Terms} terms @param {object} context */
export function variablesOf({ days, ...asked }, context) {
  return { system: context.systemId, ...rangeOf(days, context), ...asked };
}

/** For the address of the file. @param {Terms} terms @param {object} context @returns {Object<string, unknown>} */
export function exportTerms({ days, weekdays, minBikes, minDocks, fromHour, toHour, target }, context) {
  return {
    ...rangeOf(days, context),
    min_bikes: minBikes,
    min_docks: minDocks,
    from_hour: fromHour,
    to_hour: toHour,
    weekdays: weekdays.map(shortDay).join(","),
    target,
  };
}
