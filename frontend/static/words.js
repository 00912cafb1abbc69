/** Everything the page says, in English and French. {name} stands for a value; | parts one from many. */

import { ENGLISH } from "./english.js";
import { FRENCH } from "./french.js";

export const DICTIONARIES = { en: ENGLISH, fr: FRENCH };

/** The first of the languages that we speak, else English. @param {readonly string[]} languages */
export const choose = (languages) =>
  languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in DICTIONARIES) ?? "en";

/** @param {string} language @returns {(key: string, values?: Object<string, string | number>) => string} */
export function createWords(language) {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language === "en" ? "en-GB" : language);
  const show = (value) => (typeof value === "number" ? number.format(value) : String(value));
  return (key, values = {}) => {
    const [one, many = one] = DICTIONARIES[language][key].split("|");
    const text = plural.select(Number(values.n ?? 2)) === "one" ? one : many;
    return text.replace(/\{(\w+)\}/g, (_, name) => show(values[name]));
  };
}
