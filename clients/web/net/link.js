/** One connection after the other to the same address, with back-off between them. */

import { Backoff } from '../core/backoff.js';
import { ServerUnreachable } from './credentials.js';
import { endingOf, refusalOf } from './endings.js';

/** A connection that lasted so long starts the back-off anew. */
const STABLE_MS = 10_000;

/** An upgrade that takes longer will not come. */
const OPEN_MS = 10_000;

/** Bytes that may wait in a socket before no more is given to it. */
const HIGH_WATER = 1 << 18;

/** How long a closing handshake is waited for. */
const CLOSE_MS = 1000;

/**
 * @typedef {object} LinkEvents
 * @property {() => void} opened a connection is up; say what begins it.
 * @property {(text: string) => void} message
 * @property {(text: string, attempt: number, delay: number) => void} lost it is gone, and attempt
 *   number so-and-so to have it back follows in so many seconds.
 * @property {(error: Error) => void} failed it will not come back, or was refused.
 */

export class Link {
  #address;
  #protocols;
  #credentials;
  #events;
  #backoff;
  #socket = null;
  #open = false;
  #closed = false;
  #timer = 0;
  #attempt = 0;
  #renewed = false;
  #outage = null;
  #openedAt = 0;
  #said = null;
  #wake = () => this.#retryNow();

  /**
   * @param {object} given
   * @param {() => string} given.address path and query.
   * @param {(secret: string) => string[]} given.protocols subprotocols that carry a secret.
   * @param {import('./credentials.js').Credentials} given.credentials
   * @param {LinkEvents} given.events
   * @param {Backoff} [given.backoff]
   */
  constructor({ address, protocols, credentials, events, backoff = new Backoff() }) {
    this.#address = address;
    this.#protocols = protocols;
    this.#credentials = credentials;
    this.#events = events;
    this.#backoff = backoff;
  }

  /** Whether what is sent now goes out. */
  get connected() {
    return this.#open;
  }

  /** Whether the socket has so much to send that more would only wait. */
  get full() {
    return (this.#socket?.bufferedAmount ?? 0) > HIGH_WATER;
  }

  /** Begin; `opened` or `failed` tells how it went. A server that is not there is tried again. */
  start() {
    globalThis.addEventListener?.('online', this.#wake);
    void this.#connect();
  }

  /**
   * @param {string | ArrayBufferView} data
   * @returns {boolean} whether there is a connection.
   */
  send(data) {
    if (this.#open) {
      this.#socket.send(data);
    }
    return this.#open;
  }

  /**
   * Remember what the server said was wrong, for when it closes.
   *
   * @param {string} text
   */
  said(text) {
    this.#said = text;
  }

  /** The connection works: the next outage is a new one. */
  recovered() {
    this.#renewed = false;
    this.#attempt = 0;
    this.#outage = null;
  }

  /**
   * Give up for good: the server says what nobody understands.
   *
   * @param {Error} error
   */
  misunderstood(error) {
    const text = 'The server sent what this page does not understand. Load the page again.';
    this.#fail(new Error(text, { cause: error }));
  }

  /**
   * Give up this connection, which does not do, for a new one.
   *
   * @param {string} reason
   */
  replace(reason) {
    const socket = this.#socket;
    if (socket) {
      this.#detach(socket);
      socket.close();
      this.#lose({ text: reason, fatal: false, renew: false });
    }
  }

  /**
   * End it for good; no event follows.
   *
   * @param {number} [patience] milliseconds that the closing may take; the promise waits for it.
   */
  async close(patience = CLOSE_MS) {
    this.#closed = true;
    this.#open = false;
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.('online', this.#wake);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket || socket.readyState === WebSocket.CLOSED) {
      return;
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      this.#detach(socket);
      socket.onclose = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.close(1000);
    });
  }

  async #connect() {
    let secret;
    try {
      secret = await this.#credentials.secret();
    } catch (error) {
      if (this.#closed) {
        return;
      }
      if (error instanceof ServerUnreachable) {
        this.#lose({ text: error.message, fatal: false });
      } else {
        this.#fail(error);
      }
      return;
    }
    if (this.#closed) {
      return;
    }
    const url = new URL(this.#address(), this.#credentials.base);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url, this.#protocols(secret));
    this.#socket = socket;
    this.#said = null;
    const slow = setTimeout(() => {
      if (this.#socket === socket) {
        this.replace('The server does not answer.');
      }
    }, OPEN_MS);
    socket.onopen = () => {
      clearTimeout(slow);
      this.#open = true;
      this.#openedAt = performance.now();
      this.#events.opened();
    };
    socket.onmessage = ({ data }) => this.#events.message(data);
    socket.onclose = ({ code, reason }) => {
      clearTimeout(slow);
      void this.#ended(socket, code, reason);
    };
  }

  async #ended(socket, code, reason) {
    this.#detach(socket);
    if (this.#open) {
      this.#lose(endingOf(code, reason, this.#said));
      return;
    }
    const ready = await this.#ready();
    if (!this.#closed && this.#socket === socket) {
      this.#lose({ ...refusalOf(ready), renew: true });
    }
  }

  #lose(ending) {
    if (this.#open && performance.now() - this.#openedAt > STABLE_MS) {
      this.recovered();
    }
    this.#open = false;
    this.#socket = null;
    if (ending.renew) {
      this.#credentials.renew();
    }
    // It may be the secret that was refused: a server that was restarted does not know it any more.
    // So there is one more try with another one.
    const again = ending.renew && !this.#renewed;
    this.#renewed ||= ending.renew;
    if (ending.fatal && !again) {
      this.#fail(new Error(ending.text));
      return;
    }
    const time = performance.now();
    this.#outage ??= time;
    this.#attempt += 1;
    const elapsed = (time - this.#outage) / 1000;
    const delay = this.#backoff.delay(this.#attempt, elapsed, Math.random());
    if (delay === null) {
      const tried = `It was tried ${this.#attempt - 1} times in ${Math.round(elapsed)} s.`;
      this.#fail(new ServerUnreachable(`${ending.text} ${tried} Start again when it is back.`));
      return;
    }
    this.#timer = setTimeout(() => this.#retryNow(), delay * 1000);
    this.#events.lost(ending.text, this.#attempt, delay);
  }

  #retryNow() {
    if (this.#timer && !this.#closed) {
      clearTimeout(this.#timer);
      this.#timer = 0;
      void this.#connect();
    }
  }

  #fail(error) {
    void this.close(0);
    this.#events.failed(error);
  }

  #detach(socket) {
    socket.onopen = socket.onmessage = socket.onclose = null;
  }

  /** What the server says of itself; null: nothing. */
  async #ready() {
    try {
      const url = new URL('/readyz', this.#credentials.base);
      const response = await fetch(url, {
        cache: 'no-store',
        signal: AbortSignal.timeout(OPEN_MS),
      });
      const said = await response.json().catch(() => ({}));
      return { ...said, status: response.status };
    } catch {
      return null;
    }
  }
}
