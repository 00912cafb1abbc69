/** The map of the service level: its terms, the network's share, the worst stations, and marks by share. */

import { readTerms, writeTerms } from "./choices.js";
import { fill, make } from "./dom.js";
import { downloads, exportLinks } from "./downloads.js";
import { meter } from "./hours.js";
import { mark } from "./legend.js";
import { BEYOND, isThin, levelOf, percentOf } from "./levels.js";
import { LIVE } from "./markers.js";
import { heading } from "./panel.js";
import { SERVICE_LEVEL } from "./queries.js";
import { rangeOf, rangeText } from "./ranges.js";
import { keepInAddress, writeRoute } from "./route.js";
import { USUAL, exportTerms, variablesOf } from "./terms.js";
import { termsForm } from "./terms_form.js";

const MOST_ASKED = 1000; // the most that the API answers with
const FEW = 10;
const MANY = 50;

export class Service {
  #panel;
  #markers;
  #background;
  #context;
  #onChange;
  #result = make("div", { class: "service-result" });
  #network = make("div", { "aria-live": "polite" });
  #worst = make("div");
  #terms = USUAL;
  #found = null;
  #byId = new Map();
  #isListLong = false;
  #isFailed = false;
  #lookBack = null;
  isOn = false;

  /**
   * @param {HTMLElement} panel @param {import("./markers.js").Markers} markers
   * @param {import("./background.js").Background} background @param {object} context
   * @param {() => void} onChange the mode was entered or left, or other shares are there
   */
  constructor(panel, markers, background, context, onChange) {
    [this.#panel, this.#markers, this.#background] = [panel, markers, background];
    [this.#context, this.#onChange] = [context, onChange];
  }

  /** The share that is promised, of what is shown. */
  get target() {
    return this.#found?.target ?? this.#terms.target;
  }

  /** The panel of the service level; the map shows it from now on. @param {import("./choices.js").Texts} choices */
  show(choices) {
    const terms = readTerms(choices);
    const isOther = terms && JSON.stringify(terms) !== JSON.stringify(this.#terms);
    if (isOther) this.#terms = terms;
    this.#keepTerms();
    this.draw();
    this.#panel.scrollTop = 0;
    if (this.isOn && this.#found && !isOther) return;
    if (!this.isOn) this.#enter();
    this.#load();
  }

  #keepTerms() {
    keepInAddress({ view: "service", id: null, choices: writeTerms(this.#terms) });
  }

  #enter() {
    this.isOn = true;
    this.place();
    this.#markers.wear(this.#look());
    this.#onChange();
  }

  /** The stations in the part of the map that the panel leaves free, once they are known. */
  place() {
    const stations = this.#context.stations.all();
    if (!this.isOn || this.#lookBack || !stations.length) return;
    this.#background.look(stations);
    this.#lookBack = this.#background.lookBeside(stations);
  }

  /** The live map again, as it was. */
  leave() {
    if (!this.isOn) return;
    this.isOn = false;
    this.#markers.wear(LIVE);
    this.#lookBack?.();
    this.#lookBack = null;
    this.#onChange();
  }

  draw() {
    const { say } = this.#context;
    const form = termsForm(this.#terms, this.#context, (change) => this.#ask(change));
    fill(this.#result, this.#network, this.#worst);
    fill(
      this.#panel,
      heading(say("service"), say),
      make("p", { class: "hint" }, say("serviceHint")),
      form,
      this.#result,
    );
    this.#panel.hidden = false;
    this.#drawResult();
  }

  /** How many stations are told of at most, the worst first. */
  get most() {
    return MOST_ASKED;
  }

  /** Whether stations are left out that are better than all that are there. */
  get isCut() {
    return this.#found?.stations.length === MOST_ASKED;
  }

  /** What a station kept; null where nothing is known of it. @param {string} id @returns {?import("./levels.js").Kept} */
  keptOf(id) {
    return this.#byId.get(id) ?? null;
  }

  /** For the panel of a station. @param {string} id @returns {?HTMLElement} */
  summaryOf(id) {
    if (!this.isOn) return null;
    const { say, format } = this.#context;
    const kept = this.keptOf(id);
    const share = make("b", {}, say("serviceOf", { share: format.preciseShare(kept?.share) }));
    const seen = kept && make("span", {}, say("coverage"), " ", meter(kept.coverage, format));
    return make("p", {}, this.#stamp(kept), share, seen);
  }

  #ask(change) {
    this.#terms = { ...this.#terms, ...change };
    this.#keepTerms();
    this.#load();
  }

  async #load() {
    const [terms, { ask, systemId, say }] = [this.#terms, this.#context];
    if (!systemId) return;
    this.#result.classList.add("waiting");
    if (!this.#found) this.#tell(say("loading"));
    try {
      const variables = { ...variablesOf(terms, this.#context), first: MOST_ASKED };
      const { system } = await ask(SERVICE_LEVEL, variables);
      if (terms === this.#terms) this.#take(system.serviceLevel);
    } catch (error) {
      if (terms === this.#terms) this.#fail(error);
    }
  }

  #take(found) {
    [this.#found, this.#isFailed] = [found, false];
    this.#byId = new Map(found.stations.map((kept) => [kept.station.id, kept]));
    this.#drawResult();
    this.#show();
  }

  /** What was shown before does not hold for these terms. */
  #fail({ message }) {
    [this.#found, this.#isFailed] = [null, true];
    this.#byId.clear();
    this.#tell(this.#context.say("failed", { reason: message }));
    this.#result.classList.remove("waiting");
    this.#show();
  }

  /** Words where there are no figures. */
  #tell(text) {
    fill(this.#network, make("p", { class: "nothing" }, text));
    fill(this.#worst);
  }

  /** On the map, if it is still about that. */
  #show() {
    if (!this.isOn) return;
    this.#markers.wear(this.#look());
    this.#onChange();
  }

  /** @returns {import("./markers.js").Look} */
  #look() {
    const kept = ({ id }) => this.keptOf(id);
    return {
      state: (station) => this.#levelOf(kept(station)),
      sign: (station) => (this.#levelOf(kept(station)) === BEYOND ? "≥" : percentOf(kept(station))),
      isThin: (station) => isThin(kept(station)),
      label: (station) => `${station.name}: ${this.#note(kept(station))}`,
      note: (station) => this.#note(kept(station)),
      isLive: false,
    };
  }

  #levelOf(kept) {
    return !kept && this.isCut ? BEYOND : levelOf(kept, this.target);
  }

  #note(kept) {
    const { say, format } = this.#context;
    if (!this.#found) return say(this.#isFailed ? "UNKNOWN" : "loading");
    const level = this.#levelOf(kept);
    if (level === BEYOND) return say("levelBEYOND", { n: MOST_ASKED });
    if (level === "UNSEEN") return say("levelUNSEEN");
    return say("keptNote", { share: format.preciseShare(kept.share), coverage: format.share(kept.coverage) });
  }

  #stamp(kept) {
    const stamp = mark(levelOf(kept, this.target), percentOf(kept));
    stamp.toggleAttribute("data-thin", isThin(kept));
    return stamp;
  }

  #drawResult() {
    const { say, systemId } = this.#context;
    const found = this.#found;
    if (!found) return;
    this.#result.classList.remove("waiting");
    const links = exportLinks(systemId, "service-level", exportTerms(this.#terms, this.#context));
    fill(this.#network, this.#summary(found));
    fill(this.#worst, this.#list(found.stations), downloads(links, say));
  }

  #summary(found) {
    const { say, format } = this.#context;
    const range = rangeText(rangeOf(this.#terms.days, this.#context), format);
    const verdict = { true: "serviceKept", false: "serviceMissed", null: "levelUNSEEN" }[String(found.isKept)];
    return make(
      "div",
      { class: "service-network", "data-verdict": verdict },
      make("p", {}, make("strong", {}, format.preciseShare(found.share)), " ", say("serviceShare", { range })),
      make("p", { class: "verdict" }, say(verdict, { target: format.preciseShare(found.target) })),
      make("p", {}, say("serviceStations", { kept: found.stationsKept, n: found.stationsObserved })),
      make("p", {}, say("coverage"), " ", meter(found.coverage, format)),
    );
  }

  #list(stations) {
    const { say, format } = this.#context;
    const shown = stations.slice(0, this.#isListLong ? MANY : FEW);
    const items = shown.map((kept) =>
      make(
        "a",
        { href: writeRoute({ view: "station", id: kept.station.id }) },
        this.#stamp(kept),
        make("span", {}, kept.station.name),
        make("b", {}, format.preciseShare(kept.share)),
        meter(kept.coverage, format),
      ),
    );
    const onclick = () => ((this.#isListLong = true), this.#drawResult());
    const isMore = shown.length < Math.min(MANY, stations.length);
    return make(
      "div",
      {},
      make("h3", {}, say("serviceWorst")),
      make("div", { class: "kept-head" }, make("span", {}, say("serviceColumn")), make("span", {}, say("coverage"))),
      make("ul", { class: "kept" }, ...items.map((item) => make("li", {}, item))),
      isMore ? make("button", { type: "button", class: "more", onclick }, say("more")) : null,
    );
  }
}
