/** Many stations seen from far: shapes without numbers, drawn on one canvas instead of an element each. */

import { BEYOND, LEVELS } from "./levels.js";
import { STATES } from "./states.js";

const RADIUS = 6;
const BORDER = 1.5;

const CIRCLE = "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z";

/** The shapes of markers.css, in units of the radius around 0, 0. */
const SHAPES = {
  NORMAL: CIRCLE,
  NEARLY_EMPTY: "M0 1.4L-.71 .71A1 1 0 1 1 .71 .71Z",
  EMPTY: "M0-1.2L1.2 0L0 1.2L-1.2 0Z",
  NEARLY_FULL: "M0-1.4L.71-.71A1 1 0 1 1-.71-.71Z",
  FULL: "M-.9-.9H.9V.9H-.9Z",
  CLOSED: "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0ZM-.5-.5L.5 .5M-.5 .5L.5-.5",
  OUT_OF_SERVICE: "M-1-.6H1V.6H-1Z",
  UNKNOWN: CIRCLE,
  KEPT: CIRCLE,
  NEARLY_KEPT: "M0 1.4L-.71 .71A1 1 0 1 1 .71 .71Z",
  MISSED: "M0-1.2L1.2 0L0 1.2L-1.2 0Z",
  UNSEEN: CIRCLE,
  BEYOND: CIRCLE,
};
const COLOURS = {
  NORMAL: "--normal",
  NEARLY_EMPTY: "--nearly-empty",
  EMPTY: "--empty",
  NEARLY_FULL: "--nearly-full",
  FULL: "--full",
  CLOSED: "--closed",
  OUT_OF_SERVICE: "--closed",
  UNKNOWN: "--unknown",
  KEPT: "--normal",
  NEARLY_KEPT: "--nearly-empty",
  MISSED: "--empty",
  UNSEEN: "--unknown",
  BEYOND: "--closed",
};
const THIN = " thin"; // behind a level that is drawn hollow

/** How each state and each level of service is drawn. @returns {Object<string, object>} */
function looks() {
  const sheet = getComputedStyle(document.documentElement);
  const colour = (name) => sheet.getPropertyValue(name).trim();
  const scale = new DOMMatrix([RADIUS, 0, 0, RADIUS, 0, 0]);
  const look = (state, isThin) => {
    const path = new Path2D();
    path.addPath(new Path2D(SHAPES[state]), scale);
    const [fill, edge] = [colour(COLOURS[state]), COLOURS[state] === "--unknown" ? colour("--closed") : "#fff"];
    return isThin
      ? { path, fill: "#fff", border: fill, width: 2 * BORDER }
      : { path, fill, border: edge, width: BORDER };
  };
  const names = [...STATES, ...LEVELS, BEYOND];
  return Object.fromEntries(
    names.flatMap((name) => [
      [name, look(name, false)],
      [name + THIN, look(name, true)],
    ]),
  );
}

/** A circle of Leaflet's canvas that is drawn as the shape of its state. */
function dotClass(leaflet) {
  const byState = looks();
  return leaflet.CircleMarker.extend({
    _updatePath() {
      const renderer = this._renderer;
      if (renderer._drawing && !this._empty()) paint(renderer._ctx, this._point, byState[this.options.state]);
    },
  });
}

function paint(ctx, { x, y }, { path, fill, border, width }) {
  ctx.save();
  ctx.translate(x, y);
  ctx.globalAlpha = 1;
  ctx.fillStyle = fill;
  ctx.strokeStyle = border;
  ctx.lineWidth = width;
  ctx.fill(path);
  ctx.stroke(path);
  ctx.restore();
}

export class Dots {
  #group;
  #renderer;
  #Dot;
  #attend;
  /** @type {Map<string, object>} */
  #byId = new Map();

  /** @param {object} leaflet @param {(layer: object, id: string) => void} attend makes a dot answer to the pointer */
  constructor(leaflet, attend) {
    this.#group = leaflet.layerGroup();
    this.#renderer = leaflet.canvas({ padding: 0.3, tolerance: 4 });
    this.#Dot = dotClass(leaflet);
    this.#attend = attend;
  }

  /** @param {object} map */
  show(map) {
    this.#group.addTo(map);
  }

  hide() {
    this.#group.remove();
  }

  /** @param {import("./stations.js").Station} station @param {string} name of a state or a level @param {boolean} isThin */
  draw(station, name, isThin) {
    const [known, place] = [this.#byId.get(station.id), [station.lat, station.lon]];
    const state = isThin ? name + THIN : name;
    if (!known) this.#add(station.id, place, state);
    else if (known.options.state !== state) known.setStyle({ state });
    if (known && !known.getLatLng().equals(place)) known.setLatLng(place);
  }

  /** @param {string} id */
  remove(id) {
    this.#byId.get(id)?.removeFrom(this.#group);
    this.#byId.delete(id);
  }

  #add(id, place, state) {
    const dot = new this.#Dot(place, { renderer: this.#renderer, radius: RADIUS + 1, weight: BORDER, state });
    this.#attend(dot, id);
    this.#byId.set(id, dot);
    this.#group.addLayer(dot);
  }
}
