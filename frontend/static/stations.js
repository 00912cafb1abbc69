/** The stations of the system as last told: a table by id that updates are laid over. */

import { stateOf } from "./states.js";

/**
 * @typedef {{state: string, bikes: ?number, docks: ?number, bikesDisabled: ?number, docksDisabled: ?number,
 *   isInstalled: boolean, isRenting: boolean, isReturning: boolean, polledAt: string, lastReported: ?string}} Status
 * @typedef {{id: string, name: string, lat: number, lon: number, capacity: ?number, observedCapacity: ?number,
 *   status: ?Status}} Station
 * @typedef {{snapshot: boolean, cursor: string, polledAt: ?string, stations: Station[]}} Update
 */

const OBSERVED = new Set(["NORMAL", "NEARLY_EMPTY", "EMPTY", "NEARLY_FULL", "FULL"]);

export class Stations {
  /** @type {Map<string, Station>} */
  #byId = new Map();
  #listeners = [];
  /** The newest poll that an update spoke of, in ms; null before the first. @type {?number} */
  polledAt = null;
  isKnown = false;

  /** @param {string} id @returns {Station | undefined} */
  get(id) {
    return this.#byId.get(id);
  }

  /** @returns {Station[]} */
  all() {
    return [...this.#byId.values()];
  }

  get size() {
    return this.#byId.size;
  }

  /** Whether something is unknown and nothing is observed: the whole system is out of date. */
  get isStale() {
    const states = this.all().map(stateOf);
    return states.includes("UNKNOWN") && !states.some((state) => OBSERVED.has(state));
  }

  /** @param {(change: {changed: Station[], removed: string[]}) => void} listener */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** Lay an update over the table; a snapshot is all there is. @param {Update} update */
  apply(update) {
    const removed = update.snapshot ? this.#missing(update.stations) : [];
    for (const id of removed) this.#byId.delete(id);
    for (const station of update.stations) this.#byId.set(station.id, station);
    this.isKnown = true;
    this.seen(update.polledAt);
    for (const listener of this.#listeners) listener({ changed: update.stations, removed });
  }

  /** The system was polled at this instant. @param {?string} instant */
  seen(instant) {
    if (instant) this.polledAt = Math.max(this.polledAt ?? 0, Date.parse(instant));
  }

  #missing(stations) {
    const present = new Set(stations.map((station) => station.id));
    return [...this.#byId.keys()].filter((id) => !present.has(id));
  }
}
