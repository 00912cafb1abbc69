import assert from "node:assert/strict";
import test from "node:test";

import { sorted } from "../../frontend/static/grid.js";

test("rows sort either way, and unknown values come last both ways", () => {
  const rows = [{ n: 3 }, { n: null }, { n: 10 }, { n: 0 }];
  const values = (isDescending) => sorted(rows, ({ n }) => n, isDescending).map(({ n }) => n);
  assert.deepEqual(values(false), [0, 3, 10, null]);
  assert.deepEqual(values(true), [10, 3, 0, null]);
});

test("texts sort as people sort them, and the rows given stay as they were", () => {
  const rows = ["Zola", "Écoles", "Europe"];
  assert.deepEqual(
    sorted(rows, (name) => name, false),
    ["Écoles", "Europe", "Zola"],
  );
  assert.deepEqual(rows, ["Zola", "Écoles", "Europe"]);
});
