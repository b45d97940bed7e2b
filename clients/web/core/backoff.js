/**
 * How long to wait before the next attempt to reach a server again. Pure.
 *
 * Exponential, with jitter, which keeps a thousand pages of a restarted server from coming back in
 * the same instant; bounded in total time.
 */
export class Backoff {
  /**
   * @param {object} [given]
   * @param {number} [given.first] seconds before the first attempt.
   * @param {number} [given.ceiling] longest wait in seconds.
   * @param {number} [given.jitter] largest part of a wait that is left out.
   * @param {number} [given.total] seconds after which it gives up.
   */
  constructor({ first = 0.25, ceiling = 8, jitter = 0.5, total = 300 } = {}) {
    this.first = first;
    this.ceiling = ceiling;
    this.jitter = jitter;
    this.total = total;
  }

  /**
   * @param {number} attempt from 1.
   * @param {number} elapsed seconds since the connection was lost.
   * @param {number} chance a random number in [0, 1).
   * @returns {number | null} seconds to wait before this attempt; null: give up.
   */
  delay(attempt, elapsed, chance) {
    if (elapsed >= this.total) {
      return null;
    }
    const wait = Math.min(this.ceiling, this.first * 2 ** Math.min(attempt - 1, 32));
    return wait * (1 - this.jitter * chance);
  }
}
