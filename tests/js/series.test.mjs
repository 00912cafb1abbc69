import assert from "node:assert/strict";
import test from "node:test";

import { hourSeries, networkSeries, stationSeries } from "../../frontend/static/series.js";

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

const hour = (start, bikes, coverage) => ({ start: at(start), bikes, coverage });

test("an hour is a step over all of it, with its coverage as the last column", () => {
  const { columns, gaps } = hourSeries([hour(0, 5, 1), hour(3600, 7, 0.25)], ["bikes"], 0, 7_200_000);
  assert.deepEqual(columns, [
    [0, 3599.999, 3600, 7199.999, 7200],
    [5, 5, 7, 7, null],
    [1, 1, 0.25, 0.25, null],
  ]);
  assert.deepEqual(gaps, []);
});

test("hours that are missing or were not seen are gaps, but what is still to come is none", () => {
  const { columns, gaps } = hourSeries([hour(3600, 5, 1), hour(7200, null, 0)], ["bikes"], 0, 9_000_000);
  assert.deepEqual(columns[1], [5, 5, null, null, null]);
  assert.deepEqual(gaps, [
    [0, 3600],
    [7200, 9000],
  ]);
  assert.deepEqual(hourSeries([], ["bikes"], 0, 3_600_000).gaps, [[0, 3600]]);
});

test("when clocks change by half an hour, an hour ends where the next one begins", () => {
  const { columns } = hourSeries([hour(0, 5, 1), hour(1800, 7, 1)], ["bikes"], 0, 5_400_000);
  assert.deepEqual(columns[0].slice(0, 3), [0, 1799.999, 1800]);
});
