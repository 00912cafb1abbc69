import assert from "node:assert/strict";
import test from "node:test";

import { readRoute, systemAddress, writeRoute } from "../../frontend/static/route.js";

test("every place has an address that leads back to it, whatever is in an id", () => {
  for (const route of [
    { view: "station", id: "a&b=ç #1/é" },
    { view: "tables", id: "network" },
    { view: "map", id: null },
  ]) {
    assert.deepEqual(readRoute(writeRoute(route)), route);
  }
  for (const view of ["near", "service", "systems"]) {
    assert.deepEqual(readRoute(writeRoute({ view, id: "" })), { view, id: null });
  }
});

test("an address that says nothing is the map", () => {
  assert.deepEqual(readRoute(""), { view: "map", id: null });
  assert.deepEqual(readRoute("#whatever"), { view: "map", id: null });
});

test("a system has an address", () => {
  assert.equal(systemAddress("brest & co"), "?system=brest+%26+co");
});
