/** One stream of sound to `/v1/listen`, over connections that may drop. */

import { ClockExchange } from '../core/clock.js';
import { LISTEN_RATE } from '../core/pcm.js';
import { ReplayBuffer } from '../core/replay.js';
import { parseResult } from '../core/results.js';
import { now } from '../sound/now.js';
import { ClockAsker } from './clock_asker.js';
import { Link } from './link.js';

/** Silence of ours after which we say that we are still there; the server waits 10 s. */
const KEEPALIVE_MS = 4000;

/** After the last sound, silence of the server for so long is a failure. */
const FINISH_MS = 30_000;

/**
 * @typedef {object} ListenEvents
 * @property {(event: object) => void} event what the server says, as `parseResult` returns it.
 * @property {(piece: import('../core/pieces.js').Piece, at: number) => void} sent sound has left.
 * @property {(restart: object) => void} live a connection is up: what `ReplayBuffer.restart` says.
 * @property {(text: string, attempt: number, delay: number) => void} lost
 * @property {(error: Error) => void} failed
 */

export class ListenStream {
  #link;
  #events;
  #replay = new ReplayBuffer(LISTEN_RATE);
  #clock;
  #asker;
  #keepAlive = 0;
  #finishing = null;
  #connections = 0;

  /**
   * @param {object} given
   * @param {import('./credentials.js').Credentials} given.credentials
   * @param {() => Record<string, string | string[]>} given.query parameters of the address.
   * @param {import('../core/clock.js').ClockMap} given.clock learns the server's clock.
   * @param {ListenEvents} given.events
   */
  constructor({ credentials, query, clock, events }) {
    this.#events = events;
    this.#clock = new ClockExchange(clock);
    this.#asker = new ClockAsker((own) => this.#tell(own));
    this.#link = new Link({
      address: () => `/v1/listen?${queryText(query())}`,
      protocols: (secret) => ['token', secret],
      credentials,
      events: {
        opened: () => this.#opened(),
        message: (text) => this.#message(text),
        lost: (...why) => {
          this.#rest();
          this.#replay.interrupt();
          events.lost(...why);
        },
        failed: (error) => {
          this.#rest();
          this.#finishing?.reject(error);
          this.#finishing = null;
          events.failed(error);
        },
      },
    });
  }

  /** Seconds of the stream at which this connection began. */
  get offset() {
    return this.#replay.offsetSeconds;
  }

  /** Begin. */
  start() {
    this.#link.start();
  }

  /**
   * @param {Int16Array} samples at 16 kHz.
   * @param {number} capturedAt Unix seconds of the first of them.
   */
  append(samples, capturedAt) {
    this.#replay.append(samples, capturedAt);
    this.#pump();
  }

  /** End the stream; resolves when the last words have come, rejects when they will not. */
  async finish() {
    const done = new Promise((resolve, reject) => {
      this.#finishing = { resolve, reject, timer: 0, asked: false };
    });
    this.#pump();
    try {
      await done;
    } finally {
      await this.close();
    }
  }

  /** End it now; what is not final yet is lost. */
  async close() {
    this.#rest();
    this.#finishing?.resolve();
    this.#finishing = null;
    await this.#link.close();
  }

  #opened() {
    const restart = this.#replay.restart();
    this.#connections += 1;
    if (restart.committed.length) {
      this.#tell({ committed: restart.committed.map((word) => this.#known(word)) });
    }
    if (this.#finishing) {
      this.#finishing.asked = false;
    }
    this.#asker.start(this.#clock);
    this.#events.live({ ...restart, again: this.#connections > 1 });
    this.#pump();
  }

  #known(word) {
    const from = (seconds) => Math.round((seconds - this.offset) * 1000) / 1000;
    return [word.text, from(word.start), from(word.end)];
  }

  #message(text) {
    let event = null;
    try {
      event = parseResult(text, this.offset);
    } catch (error) {
      this.#link.misunderstood(error);
    }
    if (event === null) {
      return;
    }
    if (event.kind === 'clock') {
      this.#clock.answered(event.wire, now());
      this.#events.event(event);
      return;
    }
    if (event.kind === 'error') {
      this.#link.said(event.text);
    }
    if (event.kind === 'transcript') {
      this.#link.recovered();
    }
    this.#replay.observe(event);
    this.#events.event(event);
    if (this.#finishing) {
      this.#patience();
      if (event.kind === 'finished') {
        this.#finishing.resolve();
      }
    }
  }

  #pump() {
    if (!this.#link.connected) {
      return;
    }
    if (this.#replay.overrun) {
      this.#link.replace('The connection is too slow for the sound.');
      return;
    }
    while (!this.#link.full) {
      const next = this.#replay.next();
      if (next === null) {
        break;
      }
      this.#send(next);
    }
    this.#stayAlive();
    if (this.#finishing && !this.#finishing.asked && !this.#replay.unsent) {
      this.#finishing.asked = true;
      this.#link.send('{"type":"CloseStream"}');
      this.#patience();
    }
  }

  #send(piece) {
    if (piece === 'finalize') {
      this.#link.send('{"type":"Finalize"}');
      return;
    }
    this.#tell({ captured_at: piece.capturedAt });
    this.#link.send(piece.samples);
    this.#events.sent(piece, now());
  }

  /** Say something of ours, in the message that servers which do not know it let pass. */
  #tell(own) {
    return this.#link.send(JSON.stringify({ type: 'KeepAlive', streamkit: own }));
  }

  #stayAlive() {
    clearTimeout(this.#keepAlive);
    this.#keepAlive = setTimeout(
      () => {
        this.#link.send('{"type":"KeepAlive"}');
        // What did not fit into the socket before goes out here, too.
        this.#pump();
      },
      this.#link.full || this.#replay.unsent ? 100 : KEEPALIVE_MS
    );
  }

  #patience() {
    clearTimeout(this.#finishing.timer);
    this.#finishing.timer = setTimeout(() => {
      const text = 'The server did not tell the last words. What was shown is all that there is.';
      this.#finishing?.reject(new Error(text));
    }, FINISH_MS);
  }

  #rest() {
    clearTimeout(this.#keepAlive);
    clearTimeout(this.#finishing?.timer);
    this.#asker.stop();
  }
}

function queryText(parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      query.append(name, each);
    }
  }
  return query.toString();
}
