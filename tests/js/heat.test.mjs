import assert from "node:assert/strict";
import test from "node:test";

import { createFormat } from "../../frontend/static/format.js";
import { SHADES, cellText, greatest, hourAt, isSeen, shadeOf } from "../../frontend/static/heat.js";
import { createWords } from "../../frontend/static/words.js";

const context = { say: createWords("en"), format: createFormat("en", "Europe/Paris") };
const unseen = { bikesMean: null, docksMean: null, weeks: 0, coverage: 0 };
const seen = (bikesMean) => ({
  bikesMean,
  bikesMin: 0,
  bikesLowQuartile: 1.5,
  bikesMedian: 4,
  bikesHighQuartile: 6,
  bikesMax: 9,
  docksMean: null,
  weeks: 7,
  coverage: 0.876,
});

test("the week begins on Monday at 0 h", () => {
  const hours = Array.from({ length: 168 }, (_, index) => index);
  assert.deepEqual([hourAt(hours, 0, 0), hourAt(hours, 1, 3), hourAt(hours, 6, 23)], [0, 27, 167]);
});

test("shades go up to the greatest mean; almost none has none of them, and what was not seen is no number", () => {
  const hours = [seen(0.4), seen(0.6), seen(5), seen(10), unseen];
  assert.equal(greatest(hours, "bikes"), 10);
  assert.deepEqual(
    hours.map((hour) => shadeOf(hour, "bikes", 10)),
    [0, 1, 3, SHADES, null],
  );
  assert.equal(greatest([unseen], "bikes"), 0);
});

test("bikes may be seen where docks are not", () => {
  assert.ok(isSeen(seen(0), "bikes"));
  assert.ok(!isSeen(seen(0), "docks"));
});

test("a cell tells all that is known of it in words", () => {
  const week = Array.from({ length: 168 }, () => unseen).with(32, seen(4.25));
  assert.deepEqual(cellText(week, 1, 8, "bikes", context), [
    "Tuesday 08:00–09:00",
    "Bikes: mean 4.3",
    "quartiles 1.5, 4.0, 6.0",
    "0 to 9",
    "seen in 7 weeks",
    "Observed 88%",
  ]);
  assert.deepEqual(cellText(week, 0, 23, "bikes", context), ["Monday 23:00–24:00", "not seen"]);
});
