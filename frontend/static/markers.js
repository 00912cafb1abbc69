/** The stations on the map: one marker each, made once and then changed in place. */

import { make, write } from "./dom.js";
import { Dots } from "./dots.js";
import { signOf, stateOf } from "./states.js";

const ROOM = 28; // px between neighbours below which numbers would overlap
const MANY = 250; // stations above which an element for each would make the map jerk

/**
 * What a station is drawn by: its state and sign, who hears what of it, and what the tooltip says under its name.
 * @typedef {{state: (station: object) => string, sign: (station: object) => string, isThin: (station: object) => boolean,
 *   label: (station: object, say: Function) => string, note: (station: object, say: Function) => string,
 *   isLive: boolean}} Look
 */

export class Markers {
  #leaflet;
  #map;
  #context;
  #onPick;
  #dots;
  /** @type {Map<string, object>} */
  #byId = new Map();
  #known = new Set();
  #selected = null;
  #spacing = Infinity; // metres to the next station, for half of the stations
  #isDotted = false;
  /** @type {Look} */
  #look = LIVE;

  /** @param {object} leaflet @param {object} map @param {object} context @param {(id: string) => void} onPick */
  constructor(leaflet, map, context, onPick) {
    this.#leaflet = leaflet;
    this.#map = map;
    this.#context = context;
    this.#onPick = onPick;
    this.#dots = new Dots(leaflet, (layer, id) => this.#attend(layer, id));
    map.on("moveend", () => this.#place());
  }

  /** @param {{changed: import("./stations.js").Station[], removed: string[]}} change */
  update({ changed, removed }) {
    for (const id of removed) this.#drop(id);
    for (const station of changed) this.#draw(station, this.#look.isLive);
    const isNew = changed.some(({ id }) => !this.#known.has(id));
    if (isNew || removed.length) this.#respace();
  }

  /** Draw the stations by something else than their live state, or by that again. @param {Look} look */
  wear(look) {
    this.#look = look;
    this.draw();
  }

  /** Draw every label again, in a new language. */
  draw() {
    for (const station of this.#context.stations.all()) this.#draw(station);
  }

  /** @param {?string} id */
  select(id) {
    this.#mark(this.#selected, false);
    this.#selected = id;
    this.#place();
    this.#mark(id, true);
  }

  #mark(id, isSelected) {
    const marker = this.#byId.get(id);
    marker?.getElement()?.classList.toggle("selected", isSelected);
    marker?.setZIndexOffset(isSelected ? 10_000 : 0);
  }

  /** Elements for the stations in sight; when there are many and they lie close, dots for all of them. */
  #place() {
    const stations = this.#context.stations.all();
    const isFar = this.#spacing / metresPerPixel(this.#map) < ROOM;
    this.#map.getContainer().classList.toggle("far", isFar);
    this.#isDotted = isFar && stations.length > MANY;
    if (this.#isDotted) this.#dots.show(this.#map);
    else this.#dots.hide();
    const sight = stations.length > MANY ? this.#map.getBounds().pad(0.2) : null;
    for (const station of stations) this.#settle(station, sight);
  }

  #settle(station, sight) {
    const isWanted =
      station.id === this.#selected || (!this.#isDotted && (!sight || sight.contains([station.lat, station.lon])));
    if (isWanted && !this.#byId.has(station.id)) this.#add(station);
    if (!isWanted) this.#remove(station.id);
  }

  #attend(layer, id) {
    layer.on("click", () => this.#onPick(id));
    layer.bindTooltip(() => this.#tooltip(id), { direction: "top", offset: [0, -14] });
  }

  #add(station) {
    const sign = make("span", { class: "mark" }, make("b"));
    const icon = this.#leaflet.divIcon({ html: sign, className: "station", iconSize: [32, 32] });
    const marker = this.#leaflet.marker([station.lat, station.lon], { icon, riseOnHover: true });
    this.#attend(marker, station.id);
    this.#byId.set(station.id, marker.addTo(this.#map));
    this.#draw(station);
  }

  #remove(id) {
    this.#byId.get(id)?.remove();
    this.#byId.delete(id);
  }

  #drop(id) {
    this.#known.delete(id);
    this.#remove(id);
    this.#dots.remove(id);
  }

  #draw(station, isNews = false) {
    const { state, sign, label, isThin } = this.#look;
    if (this.#context.stations.size > MANY) this.#drawDot(station);
    const marker = this.#byId.get(station.id);
    if (!marker) return;
    const element = marker.getElement();
    const mark = element.firstElementChild;
    const isOther = mark.dataset.state !== state(station) || mark.textContent !== sign(station);
    if (isNews && mark.dataset.state && isOther) flash(mark);
    mark.dataset.state = state(station);
    mark.toggleAttribute("data-thin", isThin(station));
    write(mark.firstElementChild, sign(station));
    element.setAttribute("aria-label", label(station, this.#context.say));
    this.#move(marker, station);
  }

  #drawDot(station) {
    this.#dots.draw(station, this.#look.state(station), this.#look.isThin(station));
  }

  #move(marker, { lat, lon }) {
    if (!marker.getLatLng().equals([lat, lon])) marker.setLatLng([lat, lon]);
  }

  #tooltip(id) {
    const station = this.#context.stations.get(id);
    const { say } = this.#context;
    return make("div", {}, make("strong", {}, station.name), make("div", {}, this.#look.note(station, say)));
  }

  #respace() {
    const stations = this.#context.stations.all();
    for (const { id } of stations) this.#known.add(id);
    if (stations.length > MANY) for (const station of stations) this.#drawDot(station);
    const places = stations.map(({ lat, lon }) => this.#leaflet.CRS.EPSG3857.project({ lat, lng: lon }));
    const nearest = places.map((place) => Math.min(...places.map((other) => apart(place, other))));
    this.#spacing = nearest.sort((a, b) => a - b)[Math.floor(nearest.length / 2)] ?? Infinity;
    this.#place();
  }
}

const metresPerPixel = (map) => 156_543 / 2 ** map.getZoom();

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

/** As the newest poll tells. @type {Look} */
export const LIVE = {
  state: stateOf,
  sign: signOf,
  isThin: () => false,
  label: describe,
  note: counts,
  isLive: true,
};
