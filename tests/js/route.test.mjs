import assert from "node:assert/strict";
import test from "node:test";

import { readRoute, systemAddress, writeRoute } from "../../frontend/static/route.js";

test("every place has an address that leads back to it, whatever is in an id", () => {
  for (const route of [
    { view: "station", id: "a&b=ç #1/é", choices: {} },
    { view: "tables", id: "network", choices: {} },
    { view: "tables", id: "ranking", choices: { metric: "COVERAGE", range: "30" } },
    { view: "service", id: null, choices: { weekdays: "mon,sun" } },
    { view: "map", id: null, choices: {} },
  ]) {
    assert.deepEqual(readRoute(writeRoute(route)), route);
  }
  for (const view of ["near", "service", "systems"]) {
    assert.deepEqual(readRoute(writeRoute({ view, id: "" })), { view, id: null, choices: {} });
  }
});

test("an address that says nothing is the map", () => {
  assert.deepEqual(readRoute(""), { view: "map", id: null, choices: {} });
  assert.deepEqual(readRoute("#whatever").view, "map");
});

test("a system has an address", () => {
  assert.equal(systemAddress("brest & co"), "?system=brest+%26+co");
});
