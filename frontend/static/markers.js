/** The stations on the map: one marker each, made once and then changed in place. */

import { make, write } from "./dom.js";
import { signOf, stateOf } from "./states.js";

const EMPTY_ROOM = 24; // px between neighbours below which numbers would overlap

export class Markers {
  #leaflet;
  #map;
  #context;
  #onPick;
  /** @type {Map<string, object>} */
  #byId = new Map();
  #selected = null;
  #spacing = Infinity; // metres to the next station, for half of the stations

  /** @param {object} leaflet @param {object} map @param {object} context @param {(id: string) => void} onPick */
  constructor(leaflet, map, context, onPick) {
    this.#leaflet = leaflet;
    this.#map = map;
    this.#context = context;
    this.#onPick = onPick;
    map.on("zoomend viewreset", () => this.#thin());
  }

  /** @param {{changed: import("./stations.js").Station[], removed: string[]}} change */
  update({ changed, removed }) {
    for (const id of removed) this.#remove(id);
    const added = changed.filter((station) => !this.#byId.has(station.id));
    for (const station of added) this.#add(station);
    for (const station of changed) this.#draw(station);
    if (added.length || removed.length) this.#respace();
  }

  /** Draw every label again, in a new language. */
  draw() {
    for (const station of this.#context.stations.all()) this.#draw(station);
  }

  /** @param {?string} id */
  select(id) {
    this.#mark(this.#selected, false);
    this.#mark(id, true);
    this.#selected = id;
  }

  #mark(id, isSelected) {
    const marker = this.#byId.get(id);
    marker?.getElement()?.classList.toggle("selected", isSelected);
    marker?.setZIndexOffset(isSelected ? 10_000 : 0);
  }

  #add(station) {
    const sign = make("span", { class: "mark" }, make("b"));
    const icon = this.#leaflet.divIcon({ html: sign, className: "station", iconSize: [32, 32] });
    const marker = this.#leaflet.marker([station.lat, station.lon], { icon, riseOnHover: true });
    marker.on("click", () => this.#onPick(station.id));
    marker.bindTooltip(() => this.#tooltip(station.id), { direction: "top", offset: [0, -14] });
    this.#byId.set(station.id, marker.addTo(this.#map));
  }

  #remove(id) {
    this.#byId.get(id)?.remove();
    this.#byId.delete(id);
  }

  #draw(station) {
    const marker = this.#byId.get(station.id);
    const element = marker.getElement();
    const mark = element.firstElementChild;
    const isNews = mark.dataset.state && (mark.dataset.state !== stateOf(station) || mark.textContent !== signOf(station));
    mark.dataset.state = stateOf(station);
    write(mark.firstElementChild, signOf(station));
    element.setAttribute("aria-label", describe(station, this.#context.say));
    if (isNews) flash(mark);
    this.#move(marker, station);
  }

  #move(marker, { lat, lon }) {
    if (!marker.getLatLng().equals([lat, lon])) marker.setLatLng([lat, lon]);
  }

  #tooltip(id) {
    const station = this.#context.stations.get(id);
    const { say } = this.#context;
    return make("div", {}, make("strong", {}, station.name), make("div", {}, counts(station, say)));
  }

  #respace() {
    const places = this.#context.stations.all().map(({ lat, lon }) => this.#leaflet.CRS.EPSG3857.project({ lat, lng: lon }));
    const nearest = places.map((place) => Math.min(...places.map((other) => apart(place, other))));
    this.#spacing = nearest.sort((a, b) => a - b)[Math.floor(nearest.length / 2)] ?? Infinity;
    this.#thin();
  }

  /** Far out, where numbers would lie over one another, the marks shrink to their shapes. */
  #thin() {
    const metresPerPixel = 156_543 / 2 ** this.#map.getZoom();
    const isFar = this.#spacing / metresPerPixel < EMPTY_ROOM;
    this.#map.getContainer().classList.toggle("far", isFar);
  }
}

/** In projected metres; a place is not its own neighbour. */
const apart = (a, b) => (a === b ? Infinity : Math.hypot(a.x - b.x, a.y - b.y));

function flash(mark) {
  mark.classList.remove("news");
  void mark.offsetWidth; // lets the animation start anew
  mark.classList.add("news");
}

/** What is there, in words: "5 bikes · 10 docks", or the state that makes counts meaningless. */
export function counts(station, say) {
  const { status } = station;
  if (["CLOSED", "OUT_OF_SERVICE", "UNKNOWN"].includes(stateOf(station))) return say(stateOf(station));
  const parts = [];
  if (status.bikes !== null) parts.push(say("bikesCount", { n: status.bikes }));
  if (status.docks !== null) parts.push(say("docksCount", { n: status.docks }));
  return parts.join(" · ");
}

/** @returns {string} for those who hear the page */
export const describe = (station, say) => `${station.name}: ${say(stateOf(station))}, ${counts(station, say)}`;
