/**
 * The server's clock as the client's clock tells it, and how sure that is. Pure.
 *
 * A message cannot arrive before it was sent. So each one bounds the offset (server's clock minus
 * client's clock) from one side: on the way there from above, on the way back from below. The
 * narrowest interval of the newest exchanges holds the offset, if the clocks run alike; as they
 * do not quite, a bound gets wider with its age.
 */

/** Seconds that two clocks may drift apart in a second. */
export const DRIFT = 100e-6;

/** Exchanges that are remembered. */
export const KEPT = 16;

export class ClockMap {
  /** @type {{at: number, low: number, high: number}[]} */
  #bounds = [];

  /**
   * Take in an exchange; all are Unix seconds.
   *
   * @param {object} exchange
   * @param {number} exchange.sentAt it left, by the client's clock.
   * @param {number} exchange.receivedAt it came, by the server's.
   * @param {number} exchange.serverSentAt the answer left, by the server's.
   * @param {number} exchange.answeredAt the answer came, by the client's.
   */
  add({ sentAt, receivedAt, serverSentAt, answeredAt }) {
    const low = serverSentAt - answeredAt;
    const high = receivedAt - sentAt;
    if (!Number.isFinite(low) || !Number.isFinite(high)) {
      return;
    }
    this.#bounds.push({ at: answeredAt, low, high });
    this.#bounds.splice(0, this.#bounds.length - KEPT);
    // Where they contradict each other a clock was set: what is older says nothing any more.
    while (this.#bounds.length > 1 && this.#width() < 0) {
      this.#bounds.shift();
    }
  }

  /** Seconds to add to the client's clock for the server's; null: not known. */
  get offset() {
    if (!this.#bounds.length) {
      return null;
    }
    const [low, high] = this.#interval();
    return (low + high) / 2;
  }

  /** Largest error of `offset` in seconds; null: not known. */
  get error() {
    return this.#bounds.length ? Math.max(0, this.#width() / 2) : null;
  }

  /**
   * @param {number} time Unix seconds of the client's clock.
   * @returns {number} the same moment by the server's clock; unchanged where that is not known.
   */
  toServer(time) {
    return time + (this.offset ?? 0);
  }

  /**
   * @param {number} time Unix seconds of the server's clock.
   * @returns {number} the same moment by the client's clock; unchanged where that is not known.
   */
  toClient(time) {
    return time - (this.offset ?? 0);
  }

  #width() {
    const [low, high] = this.#interval();
    return high - low;
  }

  #interval() {
    const now = this.#bounds[this.#bounds.length - 1].at;
    let [low, high] = [-Infinity, Infinity];
    for (const bound of this.#bounds) {
      const drift = Math.max(0, now - bound.at) * DRIFT;
      low = Math.max(low, bound.low - drift);
      high = Math.min(high, bound.high + drift);
    }
    return [low, high];
  }
}

/**
 * The questions and answers of one connection: what is asked, and what came of it. Pure.
 *
 * The message that asks tells of the answer before, so that the server learns the way back too.
 */
export class ClockExchange {
  #last = null;

  /** @param {ClockMap} map what the answers are for. */
  constructor(map) {
    this.map = map;
  }

  /**
   * @param {number} now Unix seconds.
   * @returns {object} what asks, for the key `streamkit` of a message.
   */
  question(now) {
    const clock = { sent_at: now };
    if (this.#last) {
      clock.last = this.#last;
    }
    return { clock };
  }

  /**
   * @param {object} wire the message `streamkit.clock`.
   * @param {number} now Unix seconds at which it came.
   */
  answered(wire, now) {
    this.#last = { server_sent_at: wire.sent_at, received_at: now };
    this.map.add({
      sentAt: wire.client_sent_at,
      receivedAt: wire.received_at,
      serverSentAt: wire.sent_at,
      answeredAt: now,
    });
  }
}
