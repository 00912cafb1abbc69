/** A station's typical week as cells: which shade each has, and what it says in words. */

export const SHADES = 5; // beside 0, which has none

/** @typedef {"bikes" | "docks"} Kind */

/** The cell of an hour; Monday is 0. @param {object[]} hours 168 of them, Monday's first */
export const hourAt = (hours, weekday, hour) => hours[weekday * 24 + hour];

/** Whether anything was seen of it. @param {object} hour @param {Kind} kind */
export const isSeen = (hour, kind) => hour?.[`${kind}Mean`] !== null && hour?.[`${kind}Mean`] !== undefined;

/** The greatest mean; 0 where nothing was seen. @param {object[]} hours @param {Kind} kind */
export const greatest = (hours, kind) => Math.max(0, ...hours.map((hour) => hour[`${kind}Mean`] ?? 0));

/**
 * The shade of a mean, 0 for less than half a bike; null where nothing was seen.
 * @param {object} hour @param {Kind} kind @param {number} most the greatest mean of the week @returns {?number}
 */
export function shadeOf(hour, kind, most) {
  if (!isSeen(hour, kind)) return null;
  const value = hour[`${kind}Mean`];
  return value < 0.5 ? 0 : Math.max(1, Math.ceil((value / most) * SHADES - 1e-9));
}

/** "08:00–09:00". @param {number} hour local, 0 to 23 */
export const clockText = (hour) => `${clock(hour)}–${clock(hour + 1)}`;

const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;

/**
 * All that is known of a cell: when, mean, quartiles, extremes, weeks and coverage.
 * @param {object[]} hours @param {number} weekday @param {number} hour @param {Kind} kind
 * @param {{say: Function, format: object}} context @returns {string[]} the time, then what is told of it
 */
export function cellText(hours, weekday, hour, kind, { say, format }) {
  const cell = hourAt(hours, weekday, hour);
  const when = `${format.weekday(weekday, "long")} ${clockText(hour)}`;
  if (!isSeen(cell, kind)) return [when, say("weekUnseen")];
  const of = (name) => cell[`${kind}${name}`];
  return [
    when,
    say("weekMean", { what: say(kind), mean: format.decimal(of("Mean")) }),
    say("weekQuartiles", {
      low: format.decimal(of("LowQuartile")),
      median: format.decimal(of("Median")),
      high: format.decimal(of("HighQuartile")),
    }),
    say("weekExtremes", { least: format.integer(of("Min")), most: format.integer(of("Max")) }),
    say("weeksSeen", { n: cell.weeks }),
    `${say("coverage")} ${format.share(cell.coverage)}`,
  ];
}
