/** The connection in words: live, reconnecting, out of date; and how old what is shown is. */

import { fill, make, write } from "./dom.js";

/** What is said instead of "live" while the system's feed is in such a state. */
const ILL = { STALE: "stale", FROZEN: "frozen", DEAD: "dead", REFUSED: "feedRefused", UNREACHABLE: "feedUnreachable" };

/**
 * @param {{link: string, isKnown: boolean, isStale: boolean, isServed: boolean, polledAt: ?number,
 *   health: ?{state: ?string, reason: ?string}}} situation
 * @returns {string} the word's key
 */
export function connectionState({ link, isKnown, isStale, isServed, polledAt, health }) {
  if (link !== "live") return link === "connecting" && !isServed ? "unreachable" : link;
  if (isStale) return "stale";
  return ILL[health?.state] ?? (isKnown && polledAt ? "live" : "waiting");
}

/** "updated 12 s ago". @param {?number} polledAt @param {number} now */
export function ageText(polledAt, now, { say, format }) {
  if (!polledAt) return "";
  const seconds = Math.floor((now - polledAt) / 1000);
  return seconds < 1 ? say("updatedNow") : say("updated", { age: format.duration(seconds) });
}

export class Connection {
  #state = make("span");
  #age = make("small", { "aria-live": "off" });
  #element;
  #context;

  /** @param {HTMLElement} element a polite live region: it speaks when the state changes, not with each second */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
    fill(element, this.#state);
    element.after(this.#age);
    this.#age.className = "age";
  }

  draw() {
    const { situation } = this.#context;
    const state = connectionState(situation);
    this.#element.dataset.state = state;
    write(this.#state, this.#context.say(state));
    write(this.#age, ageText(situation.polledAt, Date.now(), this.#context));
  }
}
