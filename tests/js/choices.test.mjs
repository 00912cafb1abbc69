import assert from "node:assert/strict";
import test from "node:test";

import { USUAL_CHOICE, readChoice, readTerms, writeChoice, writeTerms } from "../../frontend/static/choices.js";
import { USUAL } from "../../frontend/static/terms.js";

const TODAY = "2026-11-24";
const RANKING = ["metric", "range", "order"];

test("what was chosen above a table comes back out of the address", () => {
  const choice = { ...USUAL_CHOICE, metric: "COVERAGE", range: 30, order: "GREATEST" };
  const texts = writeChoice(RANKING, choice, TODAY);
  assert.deepEqual(texts, { metric: "COVERAGE", range: "30", order: "GREATEST" });
  assert.deepEqual(readChoice(RANKING, texts, TODAY), { metric: "COVERAGE", range: 30, order: "GREATEST" });
  assert.deepEqual(readChoice(["day"], writeChoice(["day"], { ...choice, day: "2026-11-20" }, TODAY), TODAY), {
    day: "2026-11-20",
  });
});

test("what is usual is not written, and what an address leaves out is usual", () => {
  assert.deepEqual(writeChoice([...RANKING, "day", "span"], { ...USUAL_CHOICE, day: TODAY }, TODAY), {});
  assert.deepEqual(writeChoice(RANKING, { ...USUAL_CHOICE, metric: "COVERAGE", order: "LEAST" }, TODAY), {
    metric: "COVERAGE",
  });
  assert.deepEqual(readChoice(RANKING, { metric: "COVERAGE" }, TODAY), { metric: "COVERAGE", range: 7, order: "LEAST" });
});

test("an address that says nothing of a table's controls leaves them as they are", () => {
  assert.equal(readChoice(RANKING, { day: "2026-11-20" }, TODAY), null);
  assert.equal(readTerms({ day: "2026-11-20" }), null);
});

test("what can't be chosen is as usual", () => {
  for (const texts of [{ metric: "SPEED" }, { range: "8" }, { order: "toString" }, { metric: "toString" }]) {
    const { metric, range, order } = USUAL_CHOICE;
    assert.deepEqual(readChoice(RANKING, texts, TODAY), { metric, range, order });
  }
  for (const day of ["", "yesterday", "2026-13-45"]) {
    assert.deepEqual(readChoice(["day"], { day }, TODAY), { day: TODAY });
  }
  for (const span of ["3", "-1", "1.5", "x"]) assert.deepEqual(readChoice(["span"], { span }, TODAY), { span: 1 });
  const odd = { minBikes: "6", toHour: "0", fromHour: "x", days: "2", target: "1.5", weekdays: "someday" };
  assert.deepEqual(readTerms(odd), USUAL);
});

test("the terms of a service level come back out of the address", () => {
  const terms = { ...USUAL, minBikes: 0, toHour: 24, weekdays: ["MONDAY", "SUNDAY"], days: 30, target: 0.955 };
  const texts = writeTerms(terms);
  assert.deepEqual(texts, { minBikes: "0", toHour: "24", weekdays: "mon,sun", days: "30", target: "0.955" });
  assert.deepEqual(readTerms(texts), terms);
  assert.deepEqual(writeTerms(USUAL), {});
});
