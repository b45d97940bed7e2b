/**
 * What was sent of the microphone's sound: when each place in it was captured, and left. Pure.
 *
 * Positions are milliseconds of one connection's sound, as its server counts them; times are Unix
 * seconds.
 */

/** Chunks that are kept: two minutes of 20 ms each. */
const KEPT = 6000;

/** Seconds by which the times of two chunks may overlap, since clocks are read anew for each. */
const BORDER = 1e-3;

export class SentLog {
  #rate;
  #chunks = [];
  #sent = 0;

  /** @param {number} rate samples per second. */
  constructor(rate) {
    this.#rate = rate;
  }

  /** Samples that were sent. */
  get samples() {
    return this.#sent;
  }

  /**
   * @param {number} samples so many were sent
   * @param {number} capturedAt when the first of them was captured
   * @param {number} sentAt when they left.
   */
  sent(samples, capturedAt, sentAt) {
    this.#sent += samples;
    this.#chunks.push({
      end: this.#sent,
      begunAt: capturedAt,
      endedAt: capturedAt + samples / this.#rate,
      sentAt,
    });
    if (this.#chunks.length > 2 * KEPT) {
      this.#chunks.splice(0, KEPT);
    }
  }

  /**
   * @param {number} milliseconds a position.
   * @returns {{capturedAt: number, sentAt: number} | null} when the sound so far was captured, and
   *   when it left; null: nothing was sent yet. Between two chunks with a pause between them it is
   *   the end of the first one.
   */
  at(milliseconds) {
    const position = (milliseconds * this.#rate) / 1000;
    let found = null;
    for (let index = this.#chunks.length - 1; index >= 0; index -= 1) {
      const chunk = this.#chunks[index];
      if (found && chunk.end < position) {
        return { ...found, capturedAt: Math.max(found.capturedAt, chunk.endedAt) };
      }
      const before = Math.max(0, chunk.end - position) / this.#rate;
      found = { capturedAt: chunk.endedAt - before, sentAt: chunk.sentAt };
    }
    return found;
  }

  /**
   * @param {number} time when a sample was captured.
   * @returns {number | null} when its chunk left; null: no chunk of that time is remembered.
   */
  leftAt(time) {
    for (let index = this.#chunks.length - 1; index >= 0; index -= 1) {
      const { begunAt, endedAt, sentAt } = this.#chunks[index];
      // A moment at the border of two chunks belongs to the one that ends there.
      if (time > begunAt + BORDER && time <= endedAt + BORDER) {
        return sentAt;
      }
    }
    return null;
  }
}
