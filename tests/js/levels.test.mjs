import assert from "node:assert/strict";
import test from "node:test";

import { LEVELS, isThin, levelOf, percentOf } from "../../frontend/static/levels.js";
import { DICTIONARIES } from "../../frontend/static/words.js";

const kept = (share, coverage = 1) => ({ share, coverage, isKept: share === null ? null : share >= 0.9 });

test("a level is told by how far below the target the share is; nothing seen is no miss", () => {
  assert.deepEqual(
    [1, 0.9, 0.8999, 0.8, 0.7999, 0, null].map((share) => levelOf(kept(share), 0.9)),
    ["KEPT", "KEPT", "NEARLY_KEPT", "NEARLY_KEPT", "MISSED", "MISSED", "UNSEEN"],
  );
  assert.equal(levelOf(null, 0.9), "UNSEEN");
});

test("a percentage is never rounded up to what was promised", () => {
  assert.deepEqual(
    [1, 0.9999, 0.29, 0, null].map((share) => percentOf(kept(share))),
    ["100", "99", "29", "0", "?"],
  );
  assert.equal(percentOf(null), "?");
});

test("a share of less than half of the time is not to be leaned on", () => {
  assert.deepEqual([kept(1, 0.49), kept(1, 0.5), kept(null, 0), null].map(isThin), [true, false, false, false]);
});

test("every level has a name", () => {
  for (const words of Object.values(DICTIONARIES)) for (const level of LEVELS) assert.ok(words[`level${level}`]);
});
