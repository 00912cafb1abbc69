import assert from "node:assert/strict";
import test from "node:test";

import { createFormat } from "../../frontend/static/format.js";
import { USUAL, exportTerms, variablesOf } from "../../frontend/static/terms.js";

const context = {
  systemId: "brest",
  format: createFormat("en", "Europe/Paris"),
  reference: () => ({ end: Date.parse("2026-11-24T10:00:00Z") }),
};
const TERMS = { ...USUAL, days: 1, weekdays: ["MONDAY", "SUNDAY"] };

test("the API is asked for the days instead of how many they are", () => {
  assert.deepEqual(variablesOf(TERMS, context), {
    system: "brest",
    from: "2026-11-23",
    to: "2026-11-23",
    minBikes: 2,
    minDocks: 2,
    fromHour: 6,
    toHour: 22,
    weekdays: ["MONDAY", "SUNDAY"],
    target: 0.9,
  });
});

test("the file is asked for under the same terms", () => {
  assert.deepEqual(exportTerms(TERMS, context), {
    from: "2026-11-23",
    to: "2026-11-23",
    min_bikes: 2,
    min_docks: 2,
    from_hour: 6,
    to_hour: 22,
    weekdays: "mon,sun",
    target: 0.9,
  });
});
