/** A conversation's connection to `/v1/realtime`, which may drop and come back. */

import { ClockExchange } from '../core/clock.js';
import { aside } from '../core/realtime_messages.js';
import { parseRealtime } from '../core/realtime_events.js';
import { now } from '../sound/now.js';
import { ClockAsker } from './clock_asker.js';
import { Link } from './link.js';

/** A server wants to be asked for some model; one of ours takes every name for the one it has. */
const MODEL = 'streamkit';

/** Whoever leaves a conversation leaves at once. */
const LEAVE_MS = 300;

/**
 * @typedef {object} RealtimeEvents
 * @property {(event: object) => void} session the session of a new connection, as `parseRealtime`
 *   returns it: say what begins it.
 * @property {(event: object) => void} event everything else that the server says.
 * @property {(text: string, attempt: number, delay: number) => void} lost
 * @property {(error: Error) => void} failed
 */

export class RealtimeStream {
  #link;
  #events;
  #clock;
  #asker;
  #begun = false;

  /**
   * @param {object} given
   * @param {import('./credentials.js').Credentials} given.credentials
   * @param {() => string | undefined} given.model that replies.
   * @param {import('../core/clock.js').ClockMap} given.clock learns the server's clock.
   * @param {RealtimeEvents} given.events
   */
  constructor({ credentials, model, clock, events }) {
    this.#events = events;
    this.#clock = new ClockExchange(clock);
    this.#asker = new ClockAsker((own) => this.send(aside(own)));
    this.#link = new Link({
      address: () => `/v1/realtime?model=${encodeURIComponent(model() || MODEL)}`,
      protocols: (secret) => ['realtime', `openai-insecure-api-key.${secret}`],
      credentials,
      events: {
        // The server speaks first: until then nothing is known of it.
        opened: () => {
          this.#begun = false;
        },
        message: (text) => this.#message(text),
        lost: (...why) => {
          this.#asker.stop();
          this.#begun = false;
          events.lost(...why);
        },
        failed: (error) => {
          this.#asker.stop();
          this.#begun = false;
          events.failed(error);
        },
      },
    });
  }

  /** Begin. */
  start() {
    this.#link.start();
  }

  /** Whether the socket takes more. */
  get ready() {
    return this.#begun && this.#link.connected && !this.#link.full;
  }

  /**
   * @param {object} message
   * @returns {boolean} whether there is a connection.
   */
  send(message) {
    return this.#begun && this.#link.send(JSON.stringify(message));
  }

  /** Give up this connection for a new one. @param {string} reason */
  replace(reason) {
    this.#link.replace(reason);
  }

  /** End it. */
  async close() {
    this.#asker.stop();
    this.#begun = false;
    await this.#link.close(LEAVE_MS);
  }

  #message(text) {
    let event = null;
    try {
      event = parseRealtime(text);
    } catch (error) {
      this.#link.misunderstood(error);
    }
    if (event === null) {
      return;
    }
    if (event.kind === 'session' && !this.#begun) {
      this.#begun = true;
      this.#events.session(event);
      if (event.own !== null) {
        this.#asker.start(this.#clock);
      }
      return;
    }
    if (event.kind === 'clock') {
      this.#clock.answered(event.wire, now());
    } else if (event.kind === 'error') {
      if (event.param.startsWith('streamkit')) {
        // A server of ours that is older than this page.
        this.#asker.stop();
        return;
      }
      this.#link.said(event.text);
    } else if (event.kind === 'responseDone' || event.kind === 'userTranscript') {
      this.#link.recovered();
    }
    this.#events.event(event);
  }
}
