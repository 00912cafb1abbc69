/** Numbers, shares, ages and times as people read them; what is not known is a dash, never 0. */

export const UNKNOWN = "–";

const DAY = 86_400_000;
const MONDAY = Date.UTC(2024, 0, 1);

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
  const date = times({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const shortDay = times({ day: "numeric", month: "short", timeZone: "UTC" });
  return {
    language,
    timeZone,
    integer: known((value) => integer.format(value)),
    decimal: known((value) => decimal.format(value)),
    share: known((value) => shareText(share, value)),
    preciseShare: known((value) => preciseText(locale, value)),
    clock: known((value) => clock.format(new Date(value))),
    moment: known((value) => moment.format(new Date(value))),
    day: known((value) => day.format(new Date(`${value}T00:00:00Z`))),
    date: known((value) => date.format(new Date(`${value}T00:00:00Z`))),
    shortDay: known((value) => shortDay.format(new Date(`${value}T00:00:00Z`))),
    /** Monday is 0. @param {number} index @param {"short" | "long"} length */
    weekday: (index, length) => times({ weekday: length, timeZone: "UTC" }).format(MONDAY + index * DAY),
    distance: known((metres) => distanceText(locale, metres)),
    duration: known((seconds) => durationText(locale, seconds)),
    stretch: known((seconds) => stretchText(locale, seconds)),
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

/** To a thousandth and never upwards: 89.96 % is not the 90 % that were promised. */
function preciseText(locale, value) {
  const share = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  return share.format(Math.floor(value * 1000 + 1e-6) / 1000);
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

/** In hours and minutes: "2h 55m", "4m". */
function stretchText(locale, seconds) {
  const minutes = Math.floor(Math.max(seconds, 0) / 60);
  const part = (name, count) => unit(locale, name, 0, "narrow").format(count);
  const rest = part("minute", minutes % 60);
  return minutes < 60 ? rest : `${part("hour", Math.floor(minutes / 60))} ${rest}`;
}

function unit(locale, name, digits, unitDisplay = "short") {
  const options = { style: "unit", unit: name, unitDisplay, maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, /** @type {Intl.NumberFormatOptions} */ (options));
}

/** The local date, as 2026-11-23, at an instant. @param {number} instant @param {string} [timeZone] */
export function localDate(instant, timeZone) {
  return new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(instant);
}

/** The date that many days after a date. @param {string} date @param {number} days */
export function shiftDate(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

/**
 * The instants, in ms, at which a local date begins and ends: 23, 24 or 25 hours apart.
 * @param {string} date @param {string} [timeZone] @returns {[number, number]}
 */
export const dayBounds = (date, timeZone) => [midnight(date, timeZone), midnight(shiftDate(date, 1), timeZone)];

function midnight(date, timeZone) {
  const wanted = Date.parse(`${date}T00:00:00Z`);
  // Twice: the first guess may lie on the other side of a change of the clocks.
  const guess = wanted - offset(wanted, timeZone);
  return wanted - offset(guess, timeZone);
}

/** How far local clocks are ahead of UTC at an instant, in ms. */
function offset(instant, timeZone) {
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  return Date.parse(`${clock.format(instant).replace(" ", "T")}Z`) - Math.floor(instant / 1000) * 1000;
}
