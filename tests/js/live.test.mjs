import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

import { Live, retryDelay } from "../../frontend/static/live.js";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { createClient } = require("graphql-ws");

/** The far end of a WebSocket that speaks graphql-transport-ws: what the page sends, and a way to answer. */
class Server {
  sockets = [];
  subscribed = [];

  get WebSocket() {
    const server = this;
    return class Socket {
      static CONNECTING = 0;
      static OPEN = 1;
      static CLOSING = 2;
      static CLOSED = 3;
      readyState = 0;

      constructor() {
        server.sockets.push(this);
        queueMicrotask(() => {
          this.readyState = 1;
          this.onopen?.();
        });
      }

      send(text) {
        const message = JSON.parse(text);
        if (message.type === "connection_init") this.tell({ type: "connection_ack" });
        if (message.type === "subscribe") server.subscribed.push({ socket: this, ...message });
      }

      tell(message) {
        queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(message) }));
      }

      close(code = 1000, reason = "") {
        if (this.readyState === 3) return;
        this.readyState = 3;
        queueMicrotask(() => this.onclose?.(Object.assign(new Event("close"), { code, reason, wasClean: true })));
      }
    };
  }

  stations(index) {
    return this.subscribed.filter(({ payload }) => payload.query.includes("stationUpdates"))[index];
  }
}

async function until(condition, deadline = 5000) {
  const end = Date.now() + deadline;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function start() {
  const server = new Server();
  const seen = { links: [], updates: [], networks: [], healths: [] };
  const live = new Live({
    createClient: (options) => createClient({ ...options, webSocketImpl: server.WebSocket }),
    url: "ws://bikes.example/graphql",
    systemId: "brest",
    onLink: (link) => seen.links.push(link),
    onStations: (update) => seen.updates.push(update),
    onNetwork: (network) => seen.networks.push(network),
    onHealth: (health) => seen.healths.push(health),
  });
  live.start();
  return { server, seen, live };
}

const update = (cursor) => ({ stationUpdates: { snapshot: false, cursor, polledAt: null, stations: [] } });
const answer = ({ socket, id }, data) => socket.tell({ id, type: "next", payload: { data } });

test("waits double up to 20 s and are spread over their upper half", () => {
  assert.equal(
    retryDelay(0, () => 1),
    500,
  );
  assert.equal(
    retryDelay(3, () => 0),
    2000,
  );
  assert.deepEqual(
    [6, 30, 2000].map((tries) => retryDelay(tries, () => 1)),
    [20_000, 20_000, 20_000],
  );
});

test("the page is live with the first update, and asks for everything at first", async () => {
  const { server, seen, live } = start();
  await until(() => server.subscribed.length === 3);
  assert.deepEqual(server.stations(0).payload.variables, { system: "brest", after: null });
  answer(server.stations(0), update("c1"));
  await until(() => seen.updates.length === 1);
  assert.deepEqual(seen.links, ["live"]);
  live.stop();
});

for (const [name, code] of [
  ["a restart of the server", 1012],
  ["a close that graphql-ws takes as final", 4400],
]) {
  test(`after ${name} the page goes on from its cursor`, async () => {
    const { server, seen, live } = start();
    await until(() => server.subscribed.length === 3);
    answer(server.stations(0), update("c1"));
    await until(() => seen.updates.length === 1);
    server.sockets[0].close(code);
    await until(() => seen.links.includes("reconnecting"));
    await until(() => server.stations(1));
    assert.deepEqual(server.stations(1).payload.variables, { system: "brest", after: "c1" });
    answer(server.stations(1), update("c2"));
    await until(() => seen.updates.length === 2);
    assert.deepEqual(seen.links, ["live", "reconnecting", "live"]);
    live.stop();
  });
}

test("the health of the feeds is told beside the stations", async () => {
  const { server, seen, live } = start();
  await until(() => server.subscribed.length === 3);
  const health = { state: "FROZEN", reason: "Nothing moves." };
  answer(
    server.subscribed.find(({ payload }) => payload.query.includes("feedHealth")),
    { feedHealth: health },
  );
  await until(() => seen.healths.length === 1);
  assert.deepEqual(seen.healths, [health]);
  assert.deepEqual(seen.links, []);
  live.stop();
});

test("a cursor that the server refuses is given up", async () => {
  const { server, seen, live } = start();
  await until(() => server.subscribed.length === 3);
  answer(server.stations(0), update("bad"));
  await until(() => seen.updates.length === 1);
  const { socket, id } = server.stations(0);
  socket.tell({ id, type: "error", payload: [{ message: "after: no cursor" }] });
  await until(() => server.stations(1));
  assert.equal(server.stations(1).payload.variables.after, null);
  live.stop();
});

test("without a network the page says so, and comes back when it is woken", async () => {
  const { server, seen, live } = start();
  await until(() => server.subscribed.length === 3);
  answer(server.stations(0), update("c1"));
  await until(() => seen.updates.length === 1);
  live.lose();
  assert.equal(live.link, "offline");
  await until(() => server.sockets.length === 1 && server.sockets[0].readyState === 3);
  live.wake();
  await until(() => server.stations(1));
  answer(server.stations(1), update("c2"));
  await until(() => live.link === "live");
  live.stop();
});
