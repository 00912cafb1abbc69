/** The page: its parts, put together. */

import { createClient } from "/static/vendor/graphql-ws/dist/client.js";
import { createApi } from "./api.js";
import { Background } from "./background.js";
import { Connection } from "./connection.js";
import { fill, make, write } from "./dom.js";
import { createFormat } from "./format.js";
import { drawHealth } from "./health.js";
import { drawLegend, drawLevels } from "./legend.js";
import { Live } from "./live.js";
import { Markers } from "./markers.js";
import { drawNear, locate } from "./near.js";
import { Panel } from "./panel.js";
import { SYSTEMS } from "./queries.js";
import { readRoute, systemAddress, writeRoute } from "./route.js";
import { Search } from "./search.js";
import { Service } from "./service.js";
import { Stations } from "./stations.js";
import { Systems } from "./systems.js";
import { Tables } from "./tables.js";
import { Totals } from "./totals.js";
import { choose, createWords } from "./words.js";

const DAY = 86_400_000;
const { map, tiles, settings } = window.bikewire;
const at = (id) => document.getElementById(id);
const stations = new Stations();

/** What the parts share. */
const context = {
  stations,
  ask: createApi(settings.graphql),
  systemId: null,
  systemCount: 0,
  say: null,
  format: null,
  link: "connecting",
  isServed: true,
  /** Of the system's feeds, as last told. @type {?{state: ?string, reason: ?string}} */
  health: null,
  /** The map of the service level. @type {?Service} */
  service: null,
  get situation() {
    const { isKnown, isStale, polledAt } = stations;
    return { link: this.link, isServed: this.isServed, isKnown, isStale, polledAt, health: this.health };
  },
  /** The instant that charts and days end at: now, or the newest poll where that is more than a day ago. */
  reference() {
    const isPast = stations.polledAt !== null && Date.now() - stations.polledAt > DAY;
    return { isPast, end: isPast ? stations.polledAt : Date.now() };
  },
};

let system = null;
let notice = null;
let place = null;
let live = null;
let opener = null;
speak(localStorage.getItem("language") ?? choose(navigator.languages));

const go = (route) => (location.hash = writeRoute(route));
const markers = new Markers(window.L, map, context, (id) => go({ view: "station", id }));
const background = new Background(window.L, map, tiles, (key) => ((notice = key), drawNotice()));
const connection = new Connection(at("connection"), context);
const totals = new Totals(at("totals"), context);
const panel = new Panel(at("panel"), context);
const systems = new Systems(window.L, map, at("panel"), context);
const service = new Service(at("panel"), markers, background, context, () => (drawFrame(), panel.drawPromise()));
context.service = service;
const tables = new Tables(at("tables"), context);
const search = new Search(at("search"), at("found"), context, (id) => go({ view: "station", id }));

function speak(language) {
  context.say = createWords(language);
  context.format = createFormat(language, system?.timeZone);
  document.documentElement.lang = language;
}

function drawNotice() {
  at("notice").hidden = !notice;
  write(at("notice"), notice ? context.say(notice) : "");
}

function drawFrame() {
  const { say } = context;
  const { view: shown } = readRoute(location.hash);
  const current = ["tables", "systems"].includes(shown) ? shown : service.isOn ? "service" : "map";
  const link = (view, id = "", name = view) =>
    make("a", { href: writeRoute({ view, id }), "aria-current": view === current ? "page" : null }, say(name));
  const choice = context.systemCount > 1 ? link("systems") : null;
  fill(at("views"), choice, link("map"), link("service", "", "serviceShort"), link("tables", "stations"));
  at("views").setAttribute("aria-label", say("views"));
  write(at("language"), say("language"));
  at("language").title = say("languageName");
  at("near").setAttribute("aria-label", say("near"));
  at("near").title = say("near");
  at("system").setAttribute("aria-label", say("system"));
  at("city").setAttribute("aria-label", say("map"));
  if (service.isOn) drawLevels(at("legend"), context, service);
  else drawLegend(at("legend"), context);
  at("mode").hidden = !service.isOn;
  fill(at("mode"), make("span", {}, say("serviceMode")), make("a", { href: "#" }, say("liveMap")));
  drawNotice();
}

/** Everything again, in the language that is spoken now. */
function drawAll() {
  drawFrame();
  for (const part of [markers, connection, totals, search, tables]) part.draw();
  showPanel(readRoute(location.hash));
}

/** Show what the address says. */
function follow() {
  const route = readRoute(location.hash);
  const isTables = route.view === "tables";
  at("city").hidden = isTables;
  drawFrame();
  if (isTables) tables.show(route.id, route.choices);
  else tables.close();
  if (!isTables) map.invalidateSize({ animate: false });
  showPanel(route);
}

function showPanel({ view, id, choices }) {
  const wasHidden = at("panel").hidden;
  at("panel").hidden = true;
  panel.close();
  markers.select(view === "station" ? id : null);
  if (view === "service") service.show(choices);
  else if (view !== "station") service.leave();
  if (view === "station") panel.show(id);
  showSystems(view === "systems");
  if (view === "near" && place) drawNear(at("panel"), place, context);
  document.body.classList.toggle("with-panel", !at("panel").hidden);
  moveFocus(wasHidden);
  if (view === "station") reveal(id);
}

/** All systems on the map, or the stations of one. */
function showSystems(isShown) {
  document.body.classList.toggle("all-systems", isShown);
  if (isShown) {
    background.ground();
    return systems.show();
  }
  systems.close();
  background.look(stations.all());
}

/** Back to what the map shows: the service level, or the live stations. */
function closePanel() {
  if (at("panel").hidden) return;
  go({ view: service.isOn && readRoute(location.hash).view === "station" ? "service" : "map", id: null });
}

/** Into the panel when it opens, and back when it closes. */
function moveFocus(wasHidden) {
  const isHidden = at("panel").hidden;
  if (wasHidden && !isHidden) {
    opener = document.activeElement;
    at("panel").focus({ preventScroll: true });
  } else if (!wasHidden && isHidden && opener?.isConnected) opener.focus({ preventScroll: true });
}

/** Bring the station into the part of the map that the panel leaves free. */
function reveal(id) {
  const station = stations.get(id);
  const isPhone = matchMedia("(max-width: 700px)").matches;
  const { x, y } = map.getSize();
  const paddingBottomRight = isPhone ? [30, 0.64 * y + 40] : [Math.min(x / 2, 460), 40];
  if (station) map.panInside([station.lat, station.lon], { paddingTopLeft: [40, 40], paddingBottomRight });
}

async function goNear() {
  try {
    place = await locate();
    if (readRoute(location.hash).view === "near") follow();
    else go({ view: "near", id: "" });
  } catch {
    notice = "nearDenied";
    drawNotice();
  }
}

function onStations(update) {
  stations.apply(update);
  const route = readRoute(location.hash);
  if (route.view !== "systems") background.look(stations.all());
  service.place();
  if (route.view === "station" && at("panel").hidden) showPanel(route);
  else panel.update(update.stations.map(({ id }) => id));
  drawSituation();
  tables.refresh();
}

/** How the link is, how old the numbers are, and whether the totals still hold. */
function drawSituation() {
  connection.draw();
  totals.draw();
  drawHealth(at("health"), context);
}

function onHealth(health) {
  context.health = health;
  drawSituation();
}

function onNetwork(network) {
  stations.seen(network.polledAt);
  totals.update(network);
}

/** The one that the address names, else the first; all of them are shown where there is a choice and none was made. */
function openSystem(found) {
  const wanted = new URLSearchParams(location.search).get("system") ?? settings.system;
  system = found.find(({ id }) => id === wanted) ?? found[0];
  context.systemId = system.id;
  context.systemCount = found.length;
  context.format = createFormat(document.documentElement.lang, system.timeZone);
  write(at("system-name"), system.name);
  document.title = `${system.name} – Bikewire`;
  drawPicker(found);
  if (found.length > 1 && !wanted && !location.hash) {
    history.replaceState(null, "", writeRoute({ view: "systems", id: "" }));
  }
  follow();
}

function drawPicker(found) {
  const options = found.map(({ id, name }) => make("option", { value: id, selected: id === system.id }, name));
  fill(at("system"), ...options);
  at("system").hidden = found.length < 2;
  at("system-name").hidden = found.length > 1;
}

function startLive() {
  const url = new URL(settings.graphql, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const onLink = (link) => ((context.link = link), drawSituation());
  live = new Live({ createClient, url: url.href, systemId: system.id, onLink, onStations, onNetwork, onHealth });
  live.start();
}

/** Ask which systems there are, again and again until there is one. */
async function start() {
  try {
    const { systems: found } = await context.ask(SYSTEMS);
    context.isServed = true;
    if (found.length) return (openSystem(found), startLive());
    notice = "noSystem";
  } catch {
    context.isServed = false;
  }
  drawNotice();
  connection.draw();
  setTimeout(start, 2000);
}

function listen() {
  addEventListener("hashchange", follow);
  addEventListener("online", () => live?.wake());
  addEventListener("offline", () => live?.lose());
  // A page with an open socket is not kept for the back button.
  addEventListener("pagehide", () => live?.stop());
  addEventListener("pageshow", ({ persisted }) => persisted && live?.start());
  document.addEventListener("visibilitychange", () => document.hidden || live?.wake());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && closePanel());
  at("panel").addEventListener("click", ({ target }) => target.closest("[data-close]") && closePanel());
  at("near").addEventListener("click", goNear);
  at("system").addEventListener("change", ({ target }) => location.assign(systemAddress(target.value)));
  at("language").addEventListener("click", switchLanguage);
  stations.onChange((change) => markers.update(change));
  setInterval(() => (drawSituation(), panel.tick()), 1000);
}

function switchLanguage() {
  const language = document.documentElement.lang === "en" ? "fr" : "en";
  localStorage.setItem("language", language);
  speak(language);
  drawAll();
}

at("legend").open = matchMedia("(min-width: 701px)").matches;
drawFrame();
connection.draw();
listen();
start();
