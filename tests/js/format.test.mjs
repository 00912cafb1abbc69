import assert from "node:assert/strict";
import test from "node:test";

import { UNKNOWN, createFormat, dayBounds, localDate, shiftDate } from "../../frontend/static/format.js";

const en = createFormat("en", "Europe/Paris");
const fr = createFormat("fr", "Europe/Paris");
const plain = (text) => text.replace(/[\u00a0\u202f]/g, " ");

test("what is not known is a dash, and zero is zero", () => {
  for (const name of [
    "integer",
    "decimal",
    "share",
    "clock",
    "moment",
    "day",
    "distance",
    "duration",
    "bytes",
    "milliseconds",
    "preciseShare",
    "stretch",
    "date",
    "shortDay",
  ]) {
    assert.equal(en[name](null), UNKNOWN, name);
    assert.equal(en[name](undefined), UNKNOWN, name);
  }
  assert.equal(en.integer(0), "0");
  assert.equal(en.share(0), "0%");
});

test("a share is rounded, but never to all or nothing", () => {
  assert.deepEqual(
    [0, 0.001, 0.254, 0.996, 1].map((share) => en.share(share)),
    ["0%", "< 1%", "25%", "> 99%", "100%"],
  );
});

test("an age is told in the largest unit that fits", () => {
  assert.deepEqual(
    [-3, 12, 60, 7200, 400_000].map((seconds) => plain(en.duration(seconds))),
    ["0 secs", "12 secs", "1 min", "2 hrs", "4 days"],
  );
  assert.equal(plain(fr.duration(125)), "2 min");
});

test("distances are rounded as one would say them", () => {
  assert.deepEqual(
    [234, 1234, 23_456].map((metres) => plain(en.distance(metres))),
    ["230 m", "1.2 km", "23 km"],
  );
});

test("times are those of the system, wherever the reader is", () => {
  assert.equal(en.clock("2026-07-01T10:00:00Z"), "12:00");
  assert.equal(en.clock("2026-12-01T10:00:00Z"), "11:00");
  assert.equal(localDate(Date.parse("2026-11-23T23:30:00Z"), "Europe/Paris"), "2026-11-24");
});

test("days are counted over the ends of months", () => {
  assert.equal(shiftDate("2026-03-01", -1), "2026-02-28");
});

test("a promise of 90 % is not kept by rounding", () => {
  assert.deepEqual(
    [1, 0.9999, 0.89999, 0.29, 0].map((share) => en.preciseShare(share)),
    ["100%", "99.9%", "89.9%", "29%", "0%"],
  );
});

test("a stretch is told in hours and minutes", () => {
  assert.deepEqual(
    [59, 3540, 3600, 200_000].map((seconds) => plain(en.stretch(seconds))),
    ["0m", "59m", "1h 0m", "55h 33m"],
  );
  assert.equal(plain(fr.stretch(7500)), "2h 5min");
});

test("the week begins on Monday, wherever the system is", () => {
  assert.equal(createFormat("en", "America/Los_Angeles").weekday(0, "long"), "Monday");
  assert.equal(fr.weekday(6, "short"), "dim.");
});

test("a local day has 23, 24 or 25 hours", () => {
  const hours = (date, zone) => dayBounds(date, zone).map((instant) => new Date(instant).toISOString().slice(0, 16));
  assert.deepEqual(hours("2026-11-23", "Europe/Paris"), ["2026-11-22T23:00", "2026-11-23T23:00"]);
  assert.deepEqual(hours("2026-03-29", "Europe/Paris"), ["2026-03-28T23:00", "2026-03-29T22:00"]);
  assert.deepEqual(hours("2026-10-25", "Europe/Paris"), ["2026-10-24T22:00", "2026-10-25T23:00"]);
  assert.deepEqual(hours("2026-11-23", "Asia/Tokyo"), ["2026-11-22T15:00", "2026-11-23T15:00"]);
});
