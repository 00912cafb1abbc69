import assert from "node:assert/strict";
import test from "node:test";

import { lengthText, newest } from "../../frontend/static/episodes.js";
import { createFormat } from "../../frontend/static/format.js";
import { createWords } from "../../frontend/static/words.js";

const context = { say: createWords("en"), format: createFormat("en") };

test("an episode whose end was not seen lasted at least so long", () => {
  assert.equal(lengthText({ seconds: 7500, isCensored: false }, context), "2h 5m");
  assert.equal(lengthText({ seconds: 240, isCensored: true }, context), "at least 4m");
});

test("the newest few come first", () => {
  const episodes = Array.from({ length: 9 }, (_, start) => ({ start }));
  assert.deepEqual(
    newest(episodes).map(({ start }) => start),
    [8, 7, 6, 5, 4, 3],
  );
  assert.deepEqual(newest([]), []);
});
