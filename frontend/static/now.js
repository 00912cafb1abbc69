/** What the panel tells of a station now: state, counts, capacity, warnings and age. */

import { fill, make } from "./dom.js";
import { mark } from "./legend.js";
import { signOf, stateOf } from "./states.js";

/** @param {HTMLElement} place @param {import("./stations.js").Station} station @param {object} context */
export function fillNow(place, station, context) {
  const { say, format } = context;
  const { status } = station;
  const isUnknown = stateOf(station) === "UNKNOWN";
  const state = make("p", { class: "state" }, mark(stateOf(station), signOf(station)), say(stateOf(station)));
  const shown = isUnknown ? null : status;
  const figures = ["bikes", "docks", "bikesDisabled"].map((name) =>
    figure(say(name), format.integer(shown?.[name]), name),
  );
  const lines = [capacity(station, say), ...warnings(status, isUnknown, say)].filter(Boolean);
  const children = [state, make("dl", { class: "figures" }, ...figures), ...lines.map((line) => make("p", {}, line))];
  fill(place, ...children, make("p", { class: "age" }, ages(station, context)));
}

const figure = (label, value, name) =>
  make("div", { "data-figure": name }, make("dd", {}, value), make("dt", {}, label));

function capacity({ capacity: declared, observedCapacity: observed, capacityIsPlaceholder: isPlaceholder }, say) {
  const parts = [];
  if (declared !== null) parts.push(say(isPlaceholder ? "capacityPlaceholder" : "capacityDeclared", { n: declared }));
  if (observed !== null) parts.push(say("capacityObserved", { n: observed }));
  return `${say("capacity")}: ${parts.join(" · ") || say("unknown").toLowerCase()}`;
}

function warnings(status, isUnknown, say) {
  if (!status || isUnknown) return [];
  const isNowhere = status.bikes === 0 && status.docks === 0;
  return [
    status.isRenting ? null : say("noRenting"),
    status.isReturning ? null : say("noReturning"),
    isNowhere ? say("emptyAndFull") : null,
  ];
}

/** When we saw it, and when it last spoke itself (which on some platforms is months ago). */
export function ages({ status }, { say, format, situation }) {
  if (!status) return say("never");
  // While the state is known, every poll has seen the station, also those that changed nothing.
  const seen =
    status.state === "UNKNOWN"
      ? Date.parse(status.polledAt)
      : Math.max(Date.parse(status.polledAt), situation.polledAt ?? 0);
  const age = say("seen", { age: format.duration((Date.now() - seen) / 1000) });
  return status.lastReported ? `${age} · ${say("reported", { moment: format.moment(status.lastReported) })}` : age;
}
