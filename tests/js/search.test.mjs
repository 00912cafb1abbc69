import assert from "node:assert/strict";
import test from "node:test";

import { find, fold } from "../../frontend/static/search.js";

const names = (found) => found.map(({ name }) => name);
const STATIONS = ["Château", "Cité internationale", "Place du Château", "Liberté", "<img src=x onerror=alert(1)>"].map(
  (name) => ({ name }),
);

test("accents, case and punctuation don't count", () => {
  assert.equal(fold("D'Estrées  – Œuvre"), "d estrees œuvre");
  assert.deepEqual(names(find(STATIONS, "CHATEAU")), ["Château", "Place du Château"]);
  assert.deepEqual(names(find(STATIONS, "liberte")), ["Liberté"]);
});

test("words may come in any order, and all must be there", () => {
  assert.deepEqual(names(find(STATIONS, "chat pla")), ["Place du Château"]);
  assert.deepEqual(find(STATIONS, "chateau gare"), []);
});

test("no more is found than can be shown", () => {
  const many = Array.from({ length: 30 }, (_, index) => ({ name: `Gare ${index}` }));
  assert.equal(find(many, "gare").length, 8);
});
