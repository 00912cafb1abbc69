/** What one chooses above a table: a day, a span, a range of days, a metric, an order. */

import { make } from "./dom.js";
import { shiftDate } from "./format.js";
import { ORDERS, RANKED, usualOrder } from "./ranking.js";
import { RANGES, SPANS, rangeName } from "./ranges.js";

/** @typedef {"day" | "span" | "range" | "metric" | "order"} Control */

/**
 * @param {Control} name @param {import("./reports.js").Choice} choice @param {{say: Function}} context
 * @param {(change: object) => void} onChoose @returns {HTMLElement}
 */
export function control(name, choice, { say }, onChoose) {
  const makers = {
    day: () => dayControl(choice, say, onChoose),
    span: () => select("span", SPANS.keys(), choice.span, (index) => spanName(SPANS[index], say), Number),
    range: () => select("range", RANGES, choice.range, (days) => rangeName(days, say), Number),
    metric: () => select("metric", Object.keys(RANKED), choice.metric, (metric) => say(`metric${metric}`)),
    order: () => select("order", ORDERS, choice.order, (order) => say(`order${order}`)),
  };
  const select = (key, values, chosen, show, read = String) => {
    const options = [...values].map((value) => make("option", { value, selected: value === chosen }, show(value)));
    const onchange = ({ target }) => onChoose(changeOf(key, read(target.value)));
    return make("label", {}, say(LABELS[key] ?? key), make("select", { onchange, "data-control": key }, ...options));
  };
  return makers[name]();
}

const LABELS = { range: "span" };

/** Another metric begins with its usual order. */
const changeOf = (key, value) => (key === "metric" ? { metric: value, order: usualOrder(value) } : { [key]: value });

function dayControl({ day }, say, onChoose) {
  const onchange = ({ target }) => target.value && onChoose({ day: target.value });
  const input = /** @type {HTMLInputElement} */ (make("input", { type: "date", value: day, onchange }));
  const step = (days, sign, label) => {
    const onclick = () => onChoose({ day: (input.value = shiftDate(input.value || day, days)) });
    return make("button", { type: "button", class: "step", "aria-label": label, onclick }, sign);
  };
  const label = make("label", {}, say("day"), input);
  return make("span", { class: "steps" }, step(-1, "‹", say("dayBefore")), label, step(1, "›", say("dayAfter")));
}

const spanName = ({ hours }, say) => (hours < 48 ? say("hours", { n: hours }) : say("days", { n: hours / 24 }));
