import assert from "node:assert/strict";
import test from "node:test";

import { middle } from "../../frontend/static/background.js";
import { distance, nearest } from "../../frontend/static/near.js";

const station = (id, lat, bikes) => ({
  id,
  lat,
  lon: -4.48,
  status: { state: bikes ? "NORMAL" : "EMPTY", bikes, isRenting: true },
});

test("a degree of latitude is 111.2 km", () => {
  assert.ok(Math.abs(distance({ lat: 48, lon: -4 }, { lat: 49, lon: -4 }) - 111_195) < 1);
});

test("the nearest stations are those with bikes, the closest first", () => {
  const found = nearest([station("far", 48.5, 3), station("empty", 48.401, 0), station("close", 48.41, 1)], {
    lat: 48.4,
    lon: -4.48,
  });
  assert.deepEqual(
    found.map(({ station: { id } }) => id),
    ["close", "far"],
  );
});

test("the map looks at the middle of the stations: one stray station does not shrink a city", () => {
  const city = Array.from({ length: 40 }, (_, index) => ({ lat: 48 + index / 1000, lon: -4 - index / 1000 }));
  const bounds = middle([...city, { lat: 0, lon: 0 }]);
  assert.deepEqual(bounds, [
    [48.001, -4.037],
    [48.037, -4.001],
  ]);
  assert.deepEqual(middle([{ lat: 1, lon: 2 }]), [
    [1, 2],
    [1, 2],
  ]);
});
