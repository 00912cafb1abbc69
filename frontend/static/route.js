/** Where we are, in the address: #station=ID, #tables=NAME, #service, #systems or #near; ?system=ID. The browser's back works. */

/** @typedef {{view: "map" | "station" | "near" | "tables" | "service" | "systems", id: ?string}} Route */

/** @param {string} hash @returns {Route} */
export function readRoute(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  if (values.has("station")) return { view: "station", id: values.get("station") };
  if (values.has("tables")) return { view: "tables", id: values.get("tables") };
  return { view: ["near", "service", "systems"].find((view) => values.has(view)) ?? "map", id: null };
}

/** @param {Route} route @returns {string} "#" for the bare map */
export function writeRoute({ view, id }) {
  return view === "map" ? "#" : `#${new URLSearchParams({ [view]: id ?? "" })}`;
}

/** The address of another system. @param {string} id */
export const systemAddress = (id) => `?${new URLSearchParams({ system: id })}`;
