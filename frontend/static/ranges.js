/** The stretches of time that one can choose. */

import { localDate, shiftDate } from "./format.js";

/** How long the network's history goes back, and one row per so many seconds. */
export const SPANS = [
  { hours: 6, step: 60 },
  { hours: 24, step: 300 },
  { hours: 168, step: 3600 },
];

/** Local days, by how many they are; 0 is today so far. */
export const RANGES = [0, 1, 7, 30];

/**
 * Whole days that end with yesterday, or today so far.
 * @param {number} days @param {{reference: () => {end: number}, format: {timeZone?: string}}} context
 * @returns {{from: string, to: string}} both included
 */
export function rangeOf(days, { reference, format }) {
  const today = localDate(reference().end, format.timeZone);
  return days ? { from: shiftDate(today, -days), to: shiftDate(today, -1) } : { from: today, to: today };
}

/** "Yesterday", "Last 7 days". @param {number} days @param {Function} say */
export const rangeName = (days, say) => say(["todaySoFar", "yesterday"][days] ?? "lastDays", { n: days });

/** "12 Nov – 18 Nov 2026", or the one day. @param {{from: string, to: string}} range */
export const rangeText = ({ from, to }, format) =>
  from === to ? format.day(to) : `${format.shortDay(from)} – ${format.date(to)}`;
