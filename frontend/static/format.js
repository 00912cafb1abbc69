/** Numbers, shares, ages and times as people read them; what is not known is a dash, never 0. */

export const UNKNOWN = "–";

/** The dash for null and undefined, else what `show` makes of the value. */
const known = (show) => (value) => (value === null || value === undefined ? UNKNOWN : show(value));

/**
 * @param {string} language "en" or "fr"
 * @param {string} [timeZone] of the system, such as "Europe/Paris"
 */
export function createFormat(language, timeZone) {
  const locale = language === "en" ? "en-GB" : language;
  const times = (options) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
  const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const decimal = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const clock = times({ hour: "2-digit", minute: "2-digit" });
  const moment = times({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const day = times({ weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  return {
    language,
    timeZone,
    integer: known((value) => integer.format(value)),
    decimal: known((value) => decimal.format(value)),
    share: known((value) => shareText(share, value)),
    clock: known((value) => clock.format(new Date(value))),
    moment: known((value) => moment.format(new Date(value))),
    day: known((value) => day.format(new Date(`${value}T00:00:00Z`))),
    distance: known((metres) => distanceText(locale, metres)),
    duration: known((seconds) => durationText(locale, seconds)),
    bytes: known((value) => unit(locale, "kilobyte", 1).format(value / 1000)),
    milliseconds: known((value) => unit(locale, "millisecond", 0).format(value)),
  };
}

/** A share is never rounded to all or nothing. */
function shareText(share, value) {
  if (value > 0 && value < 0.01) return `< ${share.format(0.01)}`;
  if (value > 0.99 && value < 1) return `> ${share.format(0.99)}`;
  return share.format(value);
}

function distanceText(locale, metres) {
  if (metres < 1000) return unit(locale, "meter", 0).format(Math.round(metres / 10) * 10);
  return unit(locale, "kilometer", metres < 10_000 ? 1 : 0).format(metres / 1000);
}

const STEPS = [
  ["second", 1, 60],
  ["minute", 60, 60],
  ["hour", 3600, 48],
  ["day", 86_400, Infinity],
];

/** In the largest unit that leaves a number above zero: "12 sec", "3 min", "5 hr". */
function durationText(locale, seconds) {
  const [name, size] = STEPS.find(([, length, most]) => seconds < length * most) ?? STEPS[3];
  return unit(locale, name, 0).format(Math.floor(Math.max(seconds, 0) / size));
}

function unit(locale, name, digits) {
  const options = { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, /** @type {Intl.NumberFormatOptions} */ (options));
}

/** The local date, as 2026-11-23, at an instant. @param {number} instant @param {string} [timeZone] */
export function localDate(instant, timeZone) {
  return new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(instant);
}

/** The date that many days after a date. @param {string} date @param {number} days */
export function shiftDate(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
