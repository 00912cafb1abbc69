/** The map of all systems, to choose one from: a dot for each, and the same as a list with a filter. */

import { make, fill } from "./dom.js";
import { heading } from "./panel.js";
import { SYSTEMS_MAP } from "./queries.js";
import { systemAddress } from "./route.js";
import { fold } from "./search.js";

const AGAIN = 30_000;
const MOST_LISTED = 200;
const MOST_NAMED = 12; // systems above which their names would cover the map

/**
 * @typedef {{id: string, name: string, operator: ?string, stationCount: number, health: {state: ?string},
 *   bounds: ?{south: number, west: number, north: number, east: number}}} System
 */

const isPhone = () => matchMedia("(max-width: 700px)").matches;

/** The middle of a system; null when it has no place. @param {System} system @returns {?[number, number]} */
export const placeOf = ({ bounds }) =>
  bounds && [(bounds.south + bounds.north) / 2, (bounds.west + bounds.east) / 2];

/** The systems whose name, id or operator holds every word. @param {System[]} systems @param {string} text */
export function matching(systems, text) {
  const words = fold(text).split(" ");
  const holds = (system) => {
    const told = fold(`${system.name} ${system.id} ${system.operator ?? ""}`);
    return words.every((word) => told.includes(word));
  };
  return systems.filter(holds);
}

export class Systems {
  #leaflet;
  #map;
  #panel;
  #context;
  #layer;
  #before = null;
  #timer = null;
  #systems = [];
  #text = "";

  /** @param {object} leaflet @param {object} map @param {HTMLElement} panel @param {object} context */
  constructor(leaflet, map, panel, context) {
    this.#leaflet = leaflet;
    this.#map = map;
    this.#panel = panel;
    this.#context = context;
    map.createPane("systems");
    this.#layer = leaflet.layerGroup().addTo(map);
  }

  /** All systems instead of the stations of one. */
  show() {
    this.#drawPanel();
    if (this.#timer !== null) return this.#drawList();
    this.#before = { centre: this.#map.getCenter(), zoom: this.#map.getZoom() };
    this.#map.getContainer().classList.add("all-systems");
    this.#timer = setInterval(() => this.#load(), AGAIN);
    this.#load(true);
  }

  /** The stations again, where the map looked before. */
  close() {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#map.getContainer().classList.remove("all-systems");
    this.#layer.clearLayers();
    this.#map.setView(this.#before.centre, this.#before.zoom, { animate: false });
  }

  async #load(isFirst = false) {
    try {
      this.#systems = (await this.#context.ask(SYSTEMS_MAP)).systems;
    } catch {
      return; // The next time will do; the connection says that the server is away.
    }
    if (this.#timer === null) return;
    this.#drawDots();
    this.#drawList();
    if (isFirst) this.#look();
  }

  #look() {
    const places = this.#systems.map(placeOf).filter(Boolean);
    // The panel covers the right side of a wide map, and the lower part of a narrow one.
    const { x, y } = this.#map.getSize();
    const paddingBottomRight = isPhone() ? [40, 0.6 * y] : [Math.min(x / 2, 460), 40];
    const options = { paddingTopLeft: [90, 90], paddingBottomRight, maxZoom: 10, animate: false };
    if (places.length) this.#map.fitBounds(places, options);
  }

  #drawDots() {
    this.#layer.clearLayers();
    for (const system of this.#systems) {
      const place = placeOf(system);
      if (place) this.#layer.addLayer(this.#dot(system, place));
    }
  }

  #dot(system, place) {
    const className = `system-dot ${system.health.state === "FRESH" ? "" : "ill"}`.trim();
    const dot = this.#leaflet.circleMarker(place, { pane: "systems", radius: 9, weight: 2.5, className });
    const permanent = this.#systems.length <= MOST_NAMED && !isPhone();
    dot.bindTooltip(this.#label(system), { permanent, direction: "top", offset: [0, -8], pane: "systems" });
    return dot.on("click", () => location.assign(systemAddress(system.id)));
  }

  #label(system) {
    return make("div", {}, make("strong", {}, system.name), make("div", {}, this.#summary(system)));
  }

  #summary({ stationCount, health }) {
    const { say } = this.#context;
    const parts = [say("stationsCount", { n: stationCount })];
    if (health.state !== "FRESH") parts.push(say(health.state ?? "waiting"));
    return parts.join(" · ");
  }

  #drawPanel() {
    const { say } = this.#context;
    const oninput = ({ target }) => ((this.#text = target.value), this.#drawList());
    const filter = make("input", { type: "search", "aria-label": say("filter"), placeholder: say("filter"), oninput });
    filter.value = this.#text;
    fill(this.#panel, heading(say("systems"), say), filter, make("ul", { class: "systems" }), make("p"));
    this.#panel.hidden = false;
  }

  #drawList() {
    const { say } = this.#context;
    const list = this.#panel.querySelector(".systems");
    if (!list) return;
    const found = matching(this.#systems, this.#text);
    const shown = found.slice(0, MOST_LISTED);
    fill(list, ...shown.map((system) => this.#item(system)));
    const foot = shown.length < found.length ? say("rowsOf", { shown: shown.length, n: found.length }) : "";
    list.nextSibling.textContent = foot;
  }

  #item(system) {
    const { say } = this.#context;
    const state = system.health.state ?? "waiting";
    const isIll = state !== "FRESH";
    return make(
      "li",
      {},
      make(
        "a",
        { href: systemAddress(system.id), "aria-current": system.id === this.#context.systemId ? "true" : null },
        make("strong", {}, system.name),
        isIll ? make("span", { class: "health-state", "data-state": state }, say(state)) : null,
        make("small", {}, [say("stationsCount", { n: system.stationCount }), system.operator].filter(Boolean).join(" · ")),
      ),
    );
  }
}
