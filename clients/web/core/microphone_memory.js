/**
 * What of the microphone's sound a conversation must remember so that a dropped connection loses
 * nothing that the person said. Pure.
 *
 * Sound is kept until the words in it are known. What is not is sent again to the next session,
 * with the places at which the person has said that a turn is over. Positions are samples at 24 kHz
 * since the beginning of the conversation.
 */

import { Pieces } from './pieces.js';
import { REALTIME_RATE } from './pcm.js';

/** Seconds of sound that are kept at most. */
export const KEEP_SECONDS = 120;

/** Seconds of sound before now that are kept while nobody speaks: a detector takes its time. */
export const QUIET_SECONDS = 5;

/** Longest sound of one message, in samples. */
const MAX_PIECE = REALTIME_RATE;

export class MicrophoneMemory {
  #pieces = new Pieces(REALTIME_RATE);
  #turnEnds = [];
  #sentEnds = 0;

  constructor() {
    /** Position before which all words are known, or there are none. */
    this.settled = 0;
    /** Position of the next sample to send in this session. */
    this.cursor = 0;
    /** Position at which this session began. */
    this.begin = 0;
  }

  /** Samples that there were. */
  get received() {
    return this.#pieces.end;
  }

  /** Samples that wait to be sent. */
  get unsent() {
    return this.received - this.cursor;
  }

  /** Whether a turn that the person has ended waits for its words. */
  get owes() {
    return this.#turnEnds.length > 0;
  }

  /** Whether sound was dropped that this session has not been sent. */
  get overrun() {
    return this.cursor < this.#pieces.oldest;
  }

  /**
   * @param {Int16Array} samples
   * @param {number} capturedAt Unix seconds of the first of them.
   * @param {boolean} open somebody speaks, or what they said is not known yet, or nobody can tell.
   */
  append(samples, capturedAt, open) {
    this.#pieces.append(samples, capturedAt);
    if (!open) {
      this.settle(Math.min(this.cursor, this.received - QUIET_SECONDS * REALTIME_RATE));
    }
    this.#pieces.forget(this.received - KEEP_SECONDS * REALTIME_RATE);
  }

  /** The person says that their turn is over here. */
  endTurn() {
    this.#turnEnds.push({ position: this.received, itemId: null });
  }

  /** The person has said nothing since `position` after all: what came since then is dropped. */
  drop() {
    this.settle(this.received);
    this.cursor = Math.max(this.cursor, this.received);
  }

  /**
   * @returns {import('./pieces.js').Piece | 'end' | null} what is to be sent next, in order; 'end':
   *   a turn is over; null: the server has everything.
   */
  next() {
    const end = this.#turnEnds[this.#sentEnds];
    if (end && end.position <= this.cursor) {
      this.#sentEnds += 1;
      return 'end';
    }
    const piece = this.#pieces.from(this.cursor);
    if (!piece) {
      return null;
    }
    const limit = Math.min(MAX_PIECE, (end?.position ?? Infinity) - this.cursor);
    const samples = piece.samples.subarray(0, limit);
    this.cursor += samples.length;
    return { ...piece, samples };
  }

  /**
   * The server has made an item of a turn that the person has ended.
   *
   * @param {string} itemId
   * @returns {number | null} where that turn ended; null: there is none.
   */
  committed(itemId) {
    const end = this.#turnEnds.slice(0, this.#sentEnds).find((each) => each.itemId === null);
    if (end) {
      end.itemId = itemId;
    }
    return end?.position ?? null;
  }

  /** @param {number} position all words before it are known. */
  settle(position) {
    this.settled = Math.max(this.settled, Math.min(position, this.received));
    this.#pieces.forget(this.settled);
    while (this.#turnEnds.length && this.#turnEnds[0].position <= this.settled) {
      this.#turnEnds.shift();
      this.#sentEnds = Math.max(0, this.#sentEnds - 1);
    }
  }

  /**
   * A new session begins: what is not settled is sent once more.
   *
   * @returns {{again: number, lost: number}} samples that are, and samples that cannot be.
   */
  restart() {
    const oldest = this.#pieces.oldest;
    const lost = Math.max(0, oldest - this.settled);
    this.settle(oldest);
    const again = Math.max(0, this.cursor - this.settled);
    this.begin = this.cursor = this.settled;
    this.#sentEnds = 0;
    for (const end of this.#turnEnds) {
      end.itemId = null;
    }
    return { again, lost };
  }
}
