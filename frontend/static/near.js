/** The stations with bikes that are nearest to where the person is. */

import { fill, make } from "./dom.js";
import { mark } from "./legend.js";
import { heading } from "./panel.js";
import { hasBikes, signOf, stateOf } from "./states.js";
import { writeRoute } from "./route.js";

const MOST = 8;
const EARTH = 6_371_008.8; // mean radius in metres

/** Metres between two places on the sphere. @param {{lat: number, lon: number}} a @param {{lat: number, lon: number}} b */
export function distance(a, b) {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const [lat, lon] = [radians(b.lat - a.lat), radians(b.lon - a.lon)];
  const half = Math.sin(lat / 2) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(lon / 2) ** 2;
  return 2 * EARTH * Math.asin(Math.sqrt(half));
}

/** @param {import("./stations.js").Station[]} stations @param {{lat: number, lon: number}} place */
export const nearest = (stations, place) =>
  stations
    .filter(hasBikes)
    .map((station) => ({ station, metres: distance(station, place) }))
    .sort((a, b) => a.metres - b.metres)
    .slice(0, MOST);

/** @returns {Promise<{lat: number, lon: number}>} */
export const locate = () =>
  new Promise((resolve, reject) => {
    const found = ({ coords }) => resolve({ lat: coords.latitude, lon: coords.longitude });
    if (navigator.geolocation)
      navigator.geolocation.getCurrentPosition(found, reject, { timeout: 10_000, maximumAge: 60_000 });
    else reject(new Error("no geolocation"));
  });

/** @param {HTMLElement} element the panel @param {{lat: number, lon: number}} place */
export function drawNear(element, place, { say, format, stations }) {
  const found = nearest(stations.all(), place);
  const items = found.map(({ station, metres }) => make("li", {}, link(station, metres, say, format)));
  const body = items.length ? make("ol", { class: "nearest" }, ...items) : make("p", {}, say("nearNone"));
  fill(element, heading(say("nearTitle"), say), body);
  element.hidden = false;
}

function link(station, metres, say, format) {
  return make(
    "a",
    { href: writeRoute({ view: "station", id: station.id }) },
    mark(stateOf(station), signOf(station)),
    make("span", {}, station.name),
    make("small", {}, `${say("bikesCount", { n: station.status.bikes })} · ${format.distance(metres)}`),
  );
}
