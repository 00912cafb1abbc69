import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { createFormat, UNKNOWN } from "../../frontend/static/format.js";
import { RANKED, usualOrder, valueText } from "../../frontend/static/ranking.js";
import { DICTIONARIES, createWords } from "../../frontend/static/words.js";

const context = { say: createWords("en"), format: createFormat("en") };
const SCHEMA = readFileSync(new URL("../../backend/schema.graphql", import.meta.url), "utf8");

test("every metric that can be chosen is one of the API, and has a name", () => {
  const [, values] = SCHEMA.match(/enum StationMetric \{(.*?)\n\}/s);
  for (const metric of Object.keys(RANKED)) {
    assert.match(values, new RegExp(`^  ${metric}$`, "m"));
    for (const words of Object.values(DICTIONARIES)) assert.ok(words[`metric${metric}`], metric);
  }
});

test("a value reads in its unit, and what is not known is a dash", () => {
  const texts = [
    ["EMPTY_SHARE", 0.254],
    ["DEPARTURES_DEBOUNCED", 1],
    ["NET_FLOW", -12],
    ["BIKES_MEAN", 4.5678],
    ["TURNOVER", 1.25],
    ["EMPTY_EPISODES", 0],
  ].map(([metric, value]) => valueText(metric, value, context));
  assert.deepEqual(texts, ["25%", "1 bike", "-12 bikes", "4.6 bikes", "1.3 per place", "0 times"]);
  assert.equal(valueText("TURNOVER", null, context), UNKNOWN);
});

test("the least of what was seen comes first, and the most of all else", () => {
  assert.equal(usualOrder("COVERAGE"), "LEAST");
  assert.equal(usualOrder("FULL_SHARE"), "GREATEST");
});
