/** What was chosen, in the address: so that a link or a reload shows the same. Only what is not usual is written. */

import { ORDERS, RANKED, usualOrder } from "./ranking.js";
import { RANGES, SPANS } from "./ranges.js";
import { MOST_COUNTED, USUAL, WEEKDAYS, shortDay } from "./terms.js";

/** Values by name, as texts. @typedef {Object<string, string>} Texts */

/** What a table shows until something is chosen; the day is today then. */
export const USUAL_CHOICE = { day: "", span: 1, range: 7, metric: "EMPTY_SHARE", order: "GREATEST" };

/** @type {Object<string, (text: string) => boolean>} */
const CHOICES = {
  day: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  span: (text) => isWhole(text) && Number(text) < SPANS.length,
  range: (text) => isWhole(text) && RANGES.includes(Number(text)),
  metric: (text) => Object.hasOwn(RANKED, text),
  order: (text) => ORDERS.includes(text),
};

const COUNTS = { minBikes: [0, MOST_COUNTED], minDocks: [0, MOST_COUNTED], fromHour: [0, 23], toHour: [1, 24] };

/**
 * What the address says of a table's controls; what it does not say, or not rightly, is as usual.
 * @param {string[]} controls @param {Texts} texts @param {string} today
 * @returns {?Partial<import("./reports.js").Choice>} null when it says nothing
 */
export function readChoice(controls, texts, today) {
  const named = controls.filter((name) => name in texts);
  if (!named.length) return null;
  const said = Object.fromEntries(named.filter((name) => CHOICES[name](texts[name])).map((name) => [name, texts[name]]));
  const all = { ...usualChoice(said.metric ?? USUAL_CHOICE.metric, today), ...said };
  const typed = { ...all, span: Number(all.span), range: Number(all.range) };
  return Object.fromEntries(controls.map((name) => [name, typed[name]]));
}

/** @param {string[]} controls @param {import("./reports.js").Choice} choice @param {string} today @returns {Texts} */
export function writeChoice(controls, choice, today) {
  const usual = usualChoice(choice.metric, today);
  return texts(controls.filter((name) => choice[name] !== usual[name]).map((name) => [name, choice[name]]));
}

const usualChoice = (metric, today) => ({ ...USUAL_CHOICE, day: today, order: usualOrder(metric) });

/** The terms that the address tells; null when it tells none. @param {Texts} said @returns {?import("./terms.js").Terms} */
export function readTerms(said) {
  if (!Object.keys(USUAL).some((name) => name in said)) return null;
  const terms = { ...USUAL };
  for (const [name, [first, last]] of Object.entries(COUNTS)) {
    if (isWhole(said[name]) && first <= Number(said[name]) && Number(said[name]) <= last) terms[name] = Number(said[name]);
  }
  if (isWhole(said.days) && RANGES.includes(Number(said.days))) terms.days = Number(said.days);
  const target = Number(said.target);
  if (target > 0 && target <= 1) terms.target = target;
  const days = said.weekdays?.split(",") ?? [];
  const weekdays = WEEKDAYS.filter((name) => days.includes(shortDay(name)));
  return weekdays.length ? { ...terms, weekdays } : terms;
}

/** @param {import("./terms.js").Terms} terms @returns {Texts} */
export function writeTerms(terms) {
  const changed = Object.entries(terms).filter(([name, value]) => String(value) !== String(USUAL[name]));
  return texts(changed.map(([name, value]) => [name, Array.isArray(value) ? value.map(shortDay).join(",") : value]));
}

const isWhole = (text) => /^\d{1,3}$/.test(text ?? "");
const texts = (pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]));
