/** The form that a service level is asked for with; every change asks again. */

import { make } from "./dom.js";
import { RANGES, rangeName } from "./ranges.js";
import { MOST_COUNTED, WEEKDAYS } from "./terms.js";

const upTo = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const LABELS = { days: "span" };
const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;

/**
 * @param {import("./terms.js").Terms} terms @param {{say: Function, format: object}} context
 * @param {(change: object) => void} onChange @returns {HTMLElement}
 */
export function termsForm(terms, { say, format }, onChange) {
  const select = (name, values, show = String) => {
    const options = values.map((value) => make("option", { value, selected: value === terms[name] }, show(value)));
    const onchange = ({ target }) => onChange({ [name]: Number(target.value) });
    return make("label", {}, say(LABELS[name] ?? name), make("select", { name, onchange }, ...options));
  };
  return make(
    "form",
    { class: "terms", onsubmit: (event) => event.preventDefault() },
    select("minBikes", upTo(0, MOST_COUNTED)),
    select("minDocks", upTo(0, MOST_COUNTED)),
    select("fromHour", upTo(0, 23), clock),
    select("toHour", upTo(1, 24), clock),
    weekdays(terms, say, format, onChange),
    select("days", RANGES, (days) => rangeName(days, say)),
    target(terms, say, onChange),
  );
}

/** Seven switches, of which one stays on. */
function weekdays({ weekdays: chosen }, say, format, onChange) {
  const boxes = WEEKDAYS.map((name, index) => {
    const box = make("input", { type: "checkbox", name, checked: chosen.includes(name), onchange: () => change() });
    const title = format.weekday(index, "long");
    return make("label", { title }, box, make("span", {}, format.weekday(index, "short")));
  });
  const change = () => {
    const on = WEEKDAYS.filter((_, index) => /** @type {HTMLInputElement} */ (boxes[index].firstChild).checked);
    onChange({ weekdays: on.length ? on : WEEKDAYS });
  };
  return make("fieldset", {}, make("legend", {}, say("weekdays")), ...boxes);
}

function target({ target: share }, say, onChange) {
  const onchange = ({ target: input }) => input.reportValidity() && onChange({ target: Number(input.value) / 100 });
  const limits = { type: "number", name: "target", min: 1, max: 100, step: "any", required: true };
  const input = make("input", { ...limits, value: Math.round(share * 1000) / 10, onchange });
  return make("label", {}, say("target"), make("span", { class: "percent" }, input, "%"));
}
