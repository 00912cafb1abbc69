/** From rows of the API to the columns that the chart library draws; null where nothing was seen. */

/**
 * Changes of a station as steps: a value holds up to the next row, and a row with state UNKNOWN opens a gap.
 * @param {{state: string, bikes: ?number, docks: ?number, polledAt: string}[]} rows in time order
 * @param {number} begin in ms: what is before the first row was not seen
 * @param {number} end in ms: the last state holds until then
 * @returns {{columns: [number[], (?number)[], (?number)[]], gaps: [number, number][]}} times in seconds
 */
export function stationSeries(rows, begin, end) {
  const [times, bikes, docks] = [[], [], []];
  const put = (time, row) => {
    times.push(time);
    bikes.push(row?.bikes ?? null);
    docks.push(row?.docks ?? null);
  };
  rows.forEach((row, index) => {
    const start = Date.parse(row.polledAt) / 1000;
    const stop = index + 1 < rows.length ? Date.parse(rows[index + 1].polledAt) / 1000 : end / 1000;
    const shown = row.state === "UNKNOWN" ? null : row;
    put(start, shown);
    // A line ends at its last point, so a state is drawn up to the moment before the next one.
    if (stop - start > 0.002) put(stop - 0.001, shown);
  });
  return { columns: [times, bikes, docks], gaps: unknownSpans(rows, begin, end) };
}

/** @returns {[number, number][]} the spans in which nothing was seen, in seconds */
function unknownSpans(rows, begin, end) {
  const starts = [...rows.map((row) => Date.parse(row.polledAt) / 1000), end / 1000];
  const spans = rows.flatMap((row, index) => (row.state === "UNKNOWN" ? [[starts[index], starts[index + 1]]] : []));
  const isBlank = starts[0] > begin / 1000;
  return /** @type {[number, number][]} */ (isBlank ? [[begin / 1000, starts[0]], ...spans] : spans);
}

/**
 * Totals per step as lines that break where steps are missing.
 * @param {{polledAt: string}[]} rows in time order
 * @param {string[]} names of the columns
 * @param {number} longest seconds between two points that still belong together
 * @returns {{columns: (?number)[][], gaps: [number, number][]}}
 */
export function networkSeries(rows, names, longest) {
  const columns = [[], ...names.map(() => [])];
  const gaps = [];
  let before = null;
  for (const row of rows) {
    const time = Date.parse(row.polledAt) / 1000;
    if (before !== null && time - before > longest) {
      gaps.push([before, time]);
      put(columns, before + 0.001, () => null);
    }
    put(columns, time, (name) => row[name], names);
    before = time;
  }
  return { columns, gaps: /** @type {[number, number][]} */ (gaps) };
}

/**
 * The hours of a day as steps, their coverage as the last column; null where nothing was seen.
 * @param {{start: string, coverage: number}[]} hours in time order
 * @param {string[]} names of the columns
 * @param {number} begin in ms @param {number} end in ms: from then on there is nothing to be seen yet
 * @returns {{columns: (?number)[][], gaps: [number, number][]}} times in seconds
 */
export function hourSeries(hours, names, begin, end) {
  const starts = [...hours.map(({ start }) => Date.parse(start) / 1000), Infinity];
  const columns = [[], ...names.map(() => []), []];
  const seen = [];
  hours.forEach((hour, index) => {
    const stop = Math.min(starts[index] + 3600, starts[index + 1]);
    for (const time of [starts[index], stop - 0.001]) put(columns, time, (name) => hour[name], [...names, "coverage"]);
    if (hour.coverage > 0) seen.push([starts[index], stop]);
    if (stop < starts[index + 1]) put(columns, stop, () => null);
  });
  return { columns, gaps: between(seen, begin / 1000, end / 1000) };
}

/** What of a span no part covers. @param {number[][]} parts in order @returns {[number, number][]} */
function between(parts, begin, end) {
  const edges = [begin, ...parts.flat(), end];
  const gaps = [];
  for (let index = 0; index < edges.length; index += 2) {
    if (edges[index + 1] > edges[index]) gaps.push([edges[index], edges[index + 1]]);
  }
  return gaps;
}

function put(columns, time, value, names = []) {
  columns[0].push(time);
  for (let index = 1; index < columns.length; index++) columns[index].push(value(names[index - 1]) ?? null);
}
