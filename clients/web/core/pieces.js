/**
 * A stretch of sound in pieces, of which the oldest is let go. Pure.
 *
 * Positions are samples since the start of the stream; times are Unix seconds.
 *
 * @typedef {object} Piece
 * @property {number} position of its first sample.
 * @property {Int16Array} samples
 * @property {number} capturedAt when its first sample was captured.
 */
export class Pieces {
  /** @type {Piece[]} */
  #pieces = [];
  #first = 0;
  #rate;

  /** @param {number} rate samples per second. */
  constructor(rate) {
    this.#rate = rate;
    /** Position behind the newest sample. */
    this.end = 0;
  }

  /** Position of the oldest sample that is kept. */
  get oldest() {
    return this.#first < this.#pieces.length ? this.#pieces[this.#first].position : this.end;
  }

  /**
   * @param {Int16Array} samples
   * @param {number} capturedAt
   */
  append(samples, capturedAt) {
    this.#pieces.push({ position: this.end, samples, capturedAt });
    this.end += samples.length;
  }

  /**
   * @param {number} position
   * @returns {Piece | null} what begins there, up to the end of its piece; null: there is nothing.
   */
  from(position) {
    let [low, high] = [this.#first, this.#pieces.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const piece = this.#pieces[middle];
      if (piece.position + piece.samples.length <= position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const piece = this.#pieces[low];
    return piece ? this.#behind(piece, position) : null;
  }

  /** @param {number} floor samples before this position are let go. */
  forget(floor) {
    while (this.#first < this.#pieces.length) {
      const piece = this.#pieces[this.#first];
      if (piece.position + piece.samples.length > floor) {
        this.#pieces[this.#first] = this.#behind(piece, floor);
        break;
      }
      this.#pieces[this.#first] = undefined;
      this.#first += 1;
    }
    // Not each time: moving all that is kept would cost more than it frees.
    if (this.#first > 256 && this.#first * 2 > this.#pieces.length) {
      this.#pieces.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #behind(piece, position) {
    const skip = position - piece.position;
    if (skip <= 0) {
      return piece;
    }
    return {
      position,
      samples: piece.samples.subarray(skip),
      capturedAt: piece.capturedAt + skip / this.#rate,
    };
  }
}
