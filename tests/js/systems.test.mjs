import assert from "node:assert/strict";
import test from "node:test";

import { matching, placeOf } from "../../frontend/static/systems.js";

const SYSTEMS = [
  { id: "velozef", name: "Vélozef", operator: "Fifteen" },
  { id: "oslo", name: "Årstiden", operator: null },
];
const found = (text) => matching(SYSTEMS, text).map(({ id }) => id);

test("a system is where the middle of its stations is, and nowhere without any", () => {
  assert.deepEqual(placeOf({ bounds: { south: 48, west: -5, north: 49, east: -4 } }), [48.5, -4.5]);
  assert.equal(placeOf({ bounds: null }), null);
});

test("systems are found by name, id and operator, whatever case and accents", () => {
  assert.deepEqual(found(""), ["velozef", "oslo"]);
  assert.deepEqual(found("VELO fif"), ["velozef"]);
  assert.deepEqual(found("arst"), ["oslo"]);
  assert.deepEqual(found("paris"), []);
});
