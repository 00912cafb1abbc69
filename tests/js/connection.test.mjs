import assert from "node:assert/strict";
import test from "node:test";

import { ageText, connectionState } from "../../frontend/static/connection.js";
import { createFormat } from "../../frontend/static/format.js";
import { createWords } from "../../frontend/static/words.js";

const LIVE = { link: "live", isKnown: true, isStale: false, isServed: true, polledAt: 1, health: null };

test("the connection is told in one word", () => {
  assert.equal(connectionState(LIVE), "live");
  assert.equal(connectionState({ ...LIVE, isStale: true }), "stale");
  assert.equal(connectionState({ ...LIVE, polledAt: null }), "waiting");
  assert.equal(connectionState({ ...LIVE, link: "reconnecting", isStale: true }), "reconnecting");
  assert.equal(connectionState({ ...LIVE, link: "offline" }), "offline");
  assert.equal(connectionState({ ...LIVE, link: "connecting", isServed: false }), "unreachable");
});

test("what a feed says is called live only while the feed is fresh", () => {
  const told = (state) => connectionState({ ...LIVE, health: { state, reason: null } });
  assert.equal(told("FRESH"), "live");
  assert.deepEqual(["STALE", "FROZEN", "DEAD", "REFUSED", "UNREACHABLE"].map(told), [
    "stale",
    "frozen",
    "dead",
    "feedRefused",
    "feedUnreachable",
  ]);
  assert.equal(connectionState({ ...LIVE, link: "offline", health: { state: "DEAD" } }), "offline");
});

test("the age of what is shown is told, and nothing before the first poll", () => {
  const en = { say: createWords("en"), format: createFormat("en") };
  const fr = { say: createWords("fr"), format: createFormat("fr") };
  assert.equal(ageText(10_000, 22_900, en), "updated 12 secs ago");
  assert.equal(ageText(10_000, 10_400, en), "updated now");
  assert.match(ageText(10_000, 190_000, fr), /^relevé il y a 3.min$/);
  assert.equal(ageText(null, 10_000, en), "");
});
