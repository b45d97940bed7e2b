/** When the server is asked what time it is: thrice at once, then every ten seconds. */

import { now } from '../sound/now.js';

const AT_ONCE = 3;
const QUICK_MS = 200;
const SLOW_MS = 10_000;

export class ClockAsker {
  #send;
  #timer = 0;

  /** @param {(own: object) => void} send sends what is for the key `streamkit` of a message. */
  constructor(send) {
    this.#send = send;
  }

  /** @param {import('../core/clock.js').ClockExchange} exchange of a connection that is up. */
  start(exchange) {
    this.stop();
    let asked = 0;
    const ask = () => {
      this.#send(exchange.question(now()));
      asked += 1;
      this.#timer = setTimeout(ask, asked < AT_ONCE ? QUICK_MS : SLOW_MS);
    };
    ask();
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
