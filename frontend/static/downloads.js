/** What is shown, as files for other software. */

import { make } from "./dom.js";

export const KINDS = { CSV: "csv", Parquet: "parquet" };

/**
 * @param {string} systemId @param {string} what such as "station-hours"
 * @param {Object<string, unknown>} choice what the file is of; null leaves a part out
 * @param {string} kind "csv" or "parquet"
 */
export function exportAddress(systemId, what, choice, kind = "csv") {
  const given = Object.entries(choice).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/export/${encodeURIComponent(systemId)}/${what}.${kind}?${query}`;
}

/** The addresses by kind. @returns {Object<string, string>} */
export const exportLinks = (systemId, what, choice) =>
  Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [name, exportAddress(systemId, what, choice, kind)]));

/** "As a file: CSV Parquet". @param {Object<string, string>} links */
export const downloads = (links, say) => make("p", { class: "downloads" }, say("download"), ...anchors(links));

/** @param {Object<string, string>} links @returns {HTMLElement[]} */
export const anchors = (links) => Object.entries(links).map(([name, href]) => make("a", { href }, name));
