/** The live connection: three subscriptions on one socket that never give up and never lose a change. */

import { FEED_HEALTH, NETWORK_UPDATES, STATION_UPDATES } from "./queries.js";

/** @typedef {"connecting" | "live" | "reconnecting" | "offline"} Link */

const LONGEST_WAIT = 20_000;
const PATIENCE = 5_000;

/** How long to wait before the next try: doubling, capped, and spread so that pages don't come back as one. */
export function retryDelay(tries, random = Math.random) {
  const longest = Math.min(500 * 2 ** tries, LONGEST_WAIT);
  return longest * (0.5 + random() / 2);
}

/** A pause that can be cut short. */
class Pause {
  #wake = () => {};

  /** @param {number} duration in ms */
  wait(duration) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, duration);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake() {
    this.#wake();
  }
}

export class Live {
  #options;
  #pause = new Pause();
  #client = null;
  #cursor = null;
  #tries = 0;
  #deadline;
  #isStopped = false;
  /** @type {Link} */
  link = "connecting";

  /**
   * @param {{createClient: Function, url: string, systemId: string, onLink: (link: Link) => void,
   *   onStations: (update: import("./stations.js").Update) => void, onNetwork: (network: object) => void,
   *   onHealth: (health: {state: ?string, reason: ?string}) => void}} options
   *   createClient is graphql-ws's.
   */
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.#isStopped = false;
    this.#client = this.#options.createClient(this.#settings());
    const cursor = () => this.#cursor;
    const system = this.#options.systemId;
    // graphql-ws sends these variables anew on each connection, so each one resumes where the last one ended.
    const resumed = {
      system,
      get after() {
        return cursor();
      },
    };
    this.#subscribe(STATION_UPDATES, resumed, (data) => this.#onUpdate(data.stationUpdates));
    this.#subscribe(NETWORK_UPDATES, { system }, (data) => this.#options.onNetwork(data.networkUpdates));
    this.#subscribe(FEED_HEALTH, { system }, (data) => this.#options.onHealth(data.feedHealth));
  }

  /** Don't wait any longer: try now. */
  wake() {
    this.#tries = 0;
    this.#pause.wake();
  }

  /** The machine lost its network. */
  lose() {
    this.#say("offline");
    this.#client?.terminate();
  }

  /** End the connection; `start` goes on from where it was. */
  stop() {
    const client = this.#client;
    this.#client = null;
    this.#isStopped = true;
    this.#pause.wake();
    client?.dispose();
  }

  #settings() {
    return {
      url: this.#options.url,
      keepAlive: 10_000,
      retryAttempts: Infinity,
      // The browser reports a refused reconnect as a plain Event, which is given up on by default.
      shouldRetry: () => true,
      retryWait: () => this.#pause.wait(retryDelay(this.#tries++)),
      connectionAckWaitTimeout: 10_000,
      on: { connected: () => (this.#tries = 0), closed: () => this.#onClosed(), ...this.#heartbeat() },
    };
  }

  #onClosed() {
    clearTimeout(this.#deadline);
    if (this.link === "live") this.#say("reconnecting");
  }

  /** A peer that does not answer a ping in time is gone, whatever the socket says. */
  #heartbeat() {
    return {
      ping: (isReceived) => {
        if (!isReceived) this.#deadline = setTimeout(() => this.#client?.terminate(), PATIENCE);
      },
      pong: () => clearTimeout(this.#deadline),
    };
  }

  #subscribe(query, variables, onData) {
    const client = this.#client;
    const again = () => this.#restart(client);
    const fail = (reason) => {
      // The API refused what we asked, maybe our cursor; a close of the socket says nothing against it.
      if (Array.isArray(reason)) this.#cursor = null;
      again();
    };
    const next = (result) => (result.data ? onData(result.data) : fail(result.errors));
    client.subscribe({ query, variables }, { next, error: fail, complete: again });
  }

  #onUpdate(update) {
    this.#cursor = update.cursor;
    this.#options.onStations(update);
    this.#say("live");
  }

  /** After a close that graphql-ws takes as final, or an end by the server: a new client, after a wait. */
  async #restart(client) {
    if (client !== this.#client) return;
    this.#client = null;
    client.dispose();
    if (this.link === "live") this.#say("reconnecting");
    await this.#pause.wait(retryDelay(this.#tries++));
    if (!this.#isStopped) this.start();
  }

  #say(link) {
    if (link === this.link) return;
    this.link = link;
    this.#options.onLink(link);
  }
}
