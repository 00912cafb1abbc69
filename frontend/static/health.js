/** What is wrong with the system's feed, in a sentence over the map and the tables; nothing while it is fresh. */

import { connectionState } from "./connection.js";
import { fill, make } from "./dom.js";
import { writeRoute } from "./route.js";

/** @param {HTMLElement} element a polite live region @param {object} context */
export function drawHealth(element, { say, situation }) {
  const { link, health } = situation;
  const isTold = link === "live" && health?.state && health.state !== "FRESH";
  const key = isTold ? `${connectionState(situation)} ${health.reason} ${say("language")}` : "";
  // Said once, not with every second.
  if (element.dataset.said === key) return;
  element.dataset.said = key;
  element.hidden = !isTold;
  if (!isTold) return fill(element);
  fill(
    element,
    make("strong", {}, say(`why${health.state}`)),
    make("span", {}, health.reason ?? ""),
    make("a", { href: writeRoute({ view: "tables", id: "feeds" }) }, say("tableFeeds")),
  );
}
