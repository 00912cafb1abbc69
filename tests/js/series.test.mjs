import assert from "node:assert/strict";
import test from "node:test";

import { networkSeries, stationSeries } from "../../frontend/static/series.js";

const at = (seconds) => new Date(seconds * 1000).toISOString();
const row = (seconds, bikes, docks, state = "NORMAL") => ({ polledAt: at(seconds), state, bikes, docks });

test("a state holds as a step up to the next one, and the last one up to the end", () => {
  const { columns, gaps } = stationSeries([row(100, 5, 10), row(160, 4, 11)], 100_000, 220_000);
  assert.deepEqual(columns, [
    [100, 159.999, 160, 219.999],
    [5, 5, 4, 4],
    [10, 10, 11, 11],
  ]);
  assert.deepEqual(gaps, []);
});

test("unknown time is a gap, never the value before it", () => {
  const { columns, gaps } = stationSeries(
    [row(100, 5, null), row(160, null, null, "UNKNOWN"), row(400, 3, 2)],
    100_000,
    460_000,
  );
  assert.deepEqual(columns[1], [5, 5, null, null, 3, 3]);
  assert.deepEqual(columns[2], [null, null, null, null, 2, 2]);
  assert.deepEqual(gaps, [[160, 400]]);
});

test("what is before the first row was not seen", () => {
  assert.deepEqual(stationSeries([row(100, 1, 1)], 40_000, 200_000).gaps, [[40, 100]]);
  assert.deepEqual(stationSeries([row(100, null, null, "UNKNOWN")], 40_000, 200_000).gaps, [
    [40, 100],
    [100, 200],
  ]);
});

test("the network's line breaks where polls are missing", () => {
  const { columns, gaps } = networkSeries([row(0, 7, 1), row(60, 8, 1), row(7200, 9, 1)], ["bikes"], 180);
  assert.deepEqual(columns, [
    [0, 60, 60.001, 7200],
    [7, 8, null, 9],
  ]);
  assert.deepEqual(gaps, [[60, 7200]]);
});
