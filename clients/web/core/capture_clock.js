/**
 * When samples were captured, by a clock that what counts them does not know. Pure.
 *
 * Samples come in blocks. A block cannot arrive before its last sample was captured, and some
 * blocks arrive at once: so the earliest of the recent ones, measured against its place, is the
 * truth, and what the others add is how busy the machine is.
 */

/** Seconds of blocks in each of the two spans that are looked at. */
const SPAN = 0.5;

export class CaptureClock {
  #began = -Infinity;
  #newest = Infinity;
  #before = Infinity;

  /**
   * @param {number} place seconds of sound; what lies before was captured
   * @param {number} now when, in seconds; it was this moment or earlier.
   */
  observe(place, now) {
    if (now - this.#began > SPAN) {
      this.#before = now - this.#began > 2 * SPAN ? Infinity : this.#newest;
      this.#newest = Infinity;
      this.#began = now;
    }
    this.#newest = Math.min(this.#newest, now - place);
  }

  /**
   * @param {number} place seconds of sound.
   * @returns {number} the seconds at which it was captured; needs one observation before.
   */
  timeOf(place) {
    return Math.min(this.#newest, this.#before) + place;
  }
}
