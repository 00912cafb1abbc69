import assert from "node:assert/strict";
import test from "node:test";

import { createFormat } from "../../frontend/static/format.js";
import { RANGES, rangeName, rangeOf, rangeText } from "../../frontend/static/ranges.js";
import { createWords } from "../../frontend/static/words.js";

const format = createFormat("en", "Europe/Paris");
// In Paris it is the 24th already.
const context = { format, reference: () => ({ end: Date.parse("2026-11-23T23:30:00Z") }) };

test("whole days end with the system's yesterday, and 0 is its today", () => {
  assert.deepEqual(rangeOf(0, context), { from: "2026-11-24", to: "2026-11-24" });
  assert.deepEqual(rangeOf(1, context), { from: "2026-11-23", to: "2026-11-23" });
  assert.deepEqual(rangeOf(30, context), { from: "2026-10-25", to: "2026-11-23" });
});

test("a range has a name and reads as its days", () => {
  const say = createWords("en");
  assert.deepEqual(
    RANGES.map((days) => rangeName(days, say)),
    ["Today so far", "Yesterday", "Last 7 days", "Last 30 days"],
  );
  assert.equal(rangeText({ from: "2026-11-17", to: "2026-11-23" }, format), "17 Nov – 23 Nov 2026");
  assert.equal(rangeText({ from: "2026-11-23", to: "2026-11-23" }, format), "Mon, 23 Nov 2026");
});
