/** How well a station kept what was promised: the level that colours it, and the sign that stands in its mark. */

/**
 * @typedef {"KEPT" | "NEARLY_KEPT" | "MISSED" | "UNSEEN"} Level
 * @typedef {{station: {id: string, name: string}, share: ?number, coverage: number, isKept: ?boolean}} Kept
 */

/** In the order of the legend. @type {Level[]} */
export const LEVELS = ["KEPT", "NEARLY_KEPT", "MISSED", "UNSEEN"];

/** How far below the target, as a share, is close. */
export const NEAR = 0.1;
const SAMPLES = { KEPT: "96", NEARLY_KEPT: "84", MISSED: "61", UNSEEN: "?" };

/** Of a station that is not among the worst that were told. */
export const BEYOND = "BEYOND";

/** Coverage below which a share is not to be leaned on. */
export const THIN = 0.5;

/** @param {?Kept} kept @param {number} target @returns {Level} */
export function levelOf(kept, target) {
  if (kept?.share === null || kept?.share === undefined) return "UNSEEN";
  if (kept.isKept ?? kept.share >= target) return "KEPT";
  return kept.share >= target - NEAR - 1e-9 ? "NEARLY_KEPT" : "MISSED";
}

/** The whole percents, never rounded up; "?" when nothing was seen. @param {?Kept} kept */
export const percentOf = (kept) => (levelOf(kept, 0) === "UNSEEN" ? "?" : String(Math.floor(kept.share * 100 + 1e-6)));

/** Whether too little was seen to lean on the share. @param {?Kept} kept */
export const isThin = (kept) => Boolean(kept && kept.share !== null && kept.coverage < THIN);

/** A sign to show a level by in the legend. @param {Level} level */
export const sampleOf = (level) => SAMPLES[level];
