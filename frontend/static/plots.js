/** How the rows of a table are charted above it. */

import { dayBounds } from "./format.js";
import { SPANS } from "./ranges.js";
import { hourSeries, networkSeries } from "./series.js";

/**
 * @typedef {{series: {columns: (?number)[][], gaps: [number, number][]}, from: number, to: number, hasCoverage?: boolean,
 *   show: (value: ?number) => string}} Plot from and to in seconds
 */

/** The network's totals, poll by poll. @returns {Plot} */
export function pollPlot(rows, names, { span }, { reference, format }) {
  const { hours, step } = SPANS[span];
  const to = reference().end / 1000;
  const series = networkSeries(rows, names, Math.max(2.5 * step, 180));
  return { series, from: to - hours * 3600, to, show: format.integer };
}

/** A day by the hour, the coverage of each hour beneath. @returns {Plot} */
export function dayPlot(rows, names, { day }, { reference, format }) {
  const [begin, end] = dayBounds(day, format.timeZone);
  const series = hourSeries(rows, names, begin, Math.min(end, reference().end));
  return { series, from: begin / 1000, to: end / 1000, hasCoverage: true, show: format.decimal };
}
