/**
 * Where we are, in the address: #station=ID, #tables=NAME, #service, #systems or #near, and what was chosen there
 * (&name=value); ?system=ID. The browser's back works.
 */

/**
 * @typedef {{view: "map" | "station" | "near" | "tables" | "service" | "systems", id: ?string,
 *   choices?: Object<string, string>}} Route
 */

const NAMED = ["station", "tables"];
const BARE = ["near", "service", "systems"];

/** @param {string} hash @returns {Required<Route>} */
export function readRoute(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const view = /** @type {Route["view"]} */ ([...NAMED, ...BARE].find((name) => values.has(name)) ?? "map");
  const { [view]: id = null, ...choices } = Object.fromEntries(values);
  return { view, id: NAMED.includes(view) ? id : null, choices };
}

/** @param {Route} route @returns {string} "#" for the bare map */
export function writeRoute({ view, id, choices = {} }) {
  return view === "map" ? "#" : `#${new URLSearchParams({ [view]: id ?? "", ...choices })}`;
}

/** Let the address say this of the place where we are: no step for the browser's back. @param {Route} route */
export function keepInAddress(route) {
  if (location.hash !== writeRoute(route)) history.replaceState(history.state, "", writeRoute(route));
}

/** The address of another system. @param {string} id */
export const systemAddress = (id) => `?${new URLSearchParams({ system: id })}`;
