/** How often and how long a station was empty or full of late. */

import { make } from "./dom.js";
import { downloads, exportLinks } from "./downloads.js";
import { mark } from "./legend.js";

const MOST = 6;

/** The newest first. @param {{start: string}[]} episodes in order of time */
export const newest = (episodes) => episodes.slice(-MOST).reverse();

/** "2h 5m", "at least 2h 5m" where its beginning or end was not seen. */
export function lengthText({ seconds, isCensored }, { say, format }) {
  const length = format.stretch(seconds);
  return isCensored ? say("lasting", { length }) : length;
}

/**
 * @param {{state: "EMPTY" | "FULL", start: string, seconds: number, isCensored: boolean}[]} episodes in order of time
 * @param {{from: string, to: string}} range @param {string} station its id @returns {HTMLElement}
 */
export function episodesList(episodes, range, station, context) {
  const { say, systemId } = context;
  if (!episodes.length) return make("p", { class: "nothing" }, say("episodesNone"));
  const shown = newest(episodes);
  const [n, rest] = [episodes.length, episodes.length - shown.length];
  return make(
    "div",
    { class: "episodes" },
    make("ul", {}, ...shown.map((episode) => item(episode, context))),
    rest ? make("p", { class: "hint" }, say("episodesRest", { n, shown: shown.length })) : null,
    make("p", { class: "hint" }, say("episodesHint")),
    downloads(exportLinks(systemId, "episodes", { ...range, station }), say),
  );
}

const item = (episode, context) =>
  make(
    "li",
    {},
    mark(episode.state, ""),
    make("span", {}, context.say(episode.state), " ", make("small", {}, context.format.moment(episode.start))),
    make("b", {}, lengthText(episode, context)),
  );
