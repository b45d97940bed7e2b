/** Blocks of sound, as a device hands them over, at another rate and in chunks of 20 ms. Pure. */

import { decibels, toInt16 } from './pcm.js';
import { Resampler } from './resample.js';

const CHUNK_SECONDS = 0.02;

/**
 * @typedef {object} Placed
 * @property {Int16Array} samples
 * @property {number} first seconds of the first of them, by the clock of the blocks.
 * @property {number} level in dB of full scale.
 */

export class Chunker {
  #from;
  #to;
  #resampler;
  #chunk;
  #filled;
  #position;
  #taken = 0;

  /**
   * @param {number} from Hz of the blocks, whole.
   * @param {number} to Hz of the chunks, whole.
   */
  constructor(from, to) {
    this.#from = from;
    this.#to = to;
    this.#resampler = new Resampler(from, to);
    this.#chunk = new Float32Array(Math.round(to * CHUNK_SECONDS));
    // The resampler keeps the newest samples back. With as many that are silent before the first
    // one, a chunk is full with the block that is its last: of 10 ms, say, it is the second.
    this.#filled = Math.ceil((this.#resampler.delay * to) / from);
    this.#position = -this.#filled;
  }

  /**
   * @param {Float32Array} block the next one.
   * @param {number} begin seconds of its first sample, by any clock; where blocks are missing, it
   *   goes on by theirs.
   * @returns {Placed[]} chunks that are full now.
   */
  process(block, begin) {
    const zero = begin - this.#taken / this.#from;
    this.#taken += block.length;
    const samples = this.#resampler.process(block);
    const full = [];
    for (let taken = 0; taken < samples.length;) {
      const part = samples.subarray(taken, taken + this.#chunk.length - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === this.#chunk.length) {
        full.push(this.#placed(zero));
      }
    }
    return full;
  }

  #placed(zero) {
    const first = zero + this.#position / this.#to;
    this.#position += this.#chunk.length;
    this.#filled = 0;
    return { samples: toInt16(this.#chunk), first, level: decibels(this.#chunk) };
  }
}
