import assert from "node:assert/strict";
import test from "node:test";

import { exportAddress, exportLinks } from "../../frontend/static/downloads.js";

test("a file's address holds the system, what it is of, and only what was chosen", () => {
  assert.equal(
    exportAddress("brest & co", "station-hours", {
      from: "2026-11-23",
      to: "2026-11-24",
      station: "a/b",
      metric: null,
    }),
    "/export/brest%20%26%20co/station-hours.csv?from=2026-11-23&to=2026-11-24&station=a%2Fb",
  );
});

test("everything is to be had in each kind", () => {
  assert.deepEqual(exportLinks("brest", "network-days", { from: "2026-11-23" }), {
    CSV: "/export/brest/network-days.csv?from=2026-11-23",
    Parquet: "/export/brest/network-days.parquet?from=2026-11-23",
  });
});
