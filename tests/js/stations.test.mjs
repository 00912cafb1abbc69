import assert from "node:assert/strict";
import test from "node:test";

import { Stations } from "../../frontend/static/stations.js";
import { hasBikes, signOf, stateOf } from "../../frontend/static/states.js";

const station = (id, state, bikes = 4) => ({
  id,
  name: id,
  lat: 0,
  lon: 0,
  status: { state, bikes, docks: 3, isRenting: true },
});
const update = (snapshot, polledAt, ...stations) => ({ snapshot, cursor: "c", polledAt, stations });

test("a change is laid over what is known, a snapshot replaces it", () => {
  const stations = new Stations();
  const changes = [];
  stations.onChange(({ changed, removed }) => changes.push([changed.map(({ id }) => id), removed]));
  stations.apply(update(true, "2026-11-23T10:00:00Z", station("a", "NORMAL"), station("b", "FULL")));
  stations.apply(update(false, "2026-11-23T10:01:00Z", station("b", "NORMAL")));
  stations.apply(update(true, "2026-11-23T10:02:00Z", station("b", "EMPTY", 0)));
  assert.deepEqual(changes, [
    [["a", "b"], []],
    [["b"], []],
    [["b"], ["a"]],
  ]);
  assert.deepEqual(stations.all(), [station("b", "EMPTY", 0)]);
  assert.equal(stations.polledAt, Date.parse("2026-11-23T10:02:00Z"));
});

test("an older poll does not make the page younger or older", () => {
  const stations = new Stations();
  stations.seen("2026-11-23T10:02:00Z");
  stations.seen("2026-11-23T10:01:00Z");
  stations.seen(null);
  assert.equal(stations.polledAt, Date.parse("2026-11-23T10:02:00Z"));
});

test("a system is out of date when nothing of it is observed, closed stations aside", () => {
  const stale = (...states) => {
    const stations = new Stations();
    stations.apply(update(true, null, ...states.map((state, index) => station(String(index), state))));
    return stations.isStale;
  };
  assert.equal(stale("UNKNOWN", "CLOSED"), true);
  assert.equal(stale("UNKNOWN", "EMPTY"), false);
  assert.equal(stale("CLOSED", "OUT_OF_SERVICE"), false);
  assert.equal(stale(), false);
});

test("a mark shows the number of bikes, or a sign where no number means anything", () => {
  assert.deepEqual(
    ["NORMAL", "CLOSED", "UNKNOWN", "OUT_OF_SERVICE"].map((state) => signOf(station("a", state))),
    ["4", "×", "?", "–"],
  );
  assert.equal(signOf(station("a", "NEARLY_FULL", null)), "?");
  assert.equal(stateOf({ ...station("a", "NORMAL"), status: null }), "UNKNOWN");
});

test("a bike can be taken only where one is known to be and to be rented", () => {
  assert.equal(hasBikes(station("a", "NORMAL")), true);
  assert.equal(hasBikes(station("a", "UNKNOWN")), false);
  assert.equal(hasBikes(station("a", "EMPTY", 0)), false);
  assert.equal(hasBikes({ ...station("a", "NORMAL"), status: null }), false);
});
