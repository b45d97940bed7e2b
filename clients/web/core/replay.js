/**
 * What captions must remember so that a dropped connection costs no word. Pure.
 *
 * Sound is kept from the end of the last final on. When the connection is lost, a new one starts
 * there: the kept sound is sent again, and the position where it starts becomes the offset of all
 * times that the new connection reports. A final closes its range for good, so no word comes twice;
 * everything behind it is sent again, so no word is missing. Words that were committed behind it
 * are named to the new connection, so that they stay.
 *
 * Positions are samples since the start of the stream.
 */

import { Pieces } from './pieces.js';

/** Seconds of sound that are kept for a replay, and through an outage. */
export const KEEP_SECONDS = 120;

export class ReplayBuffer {
  #rate;
  #keep;
  #pieces;
  #marks = [];
  #marksSent = 0;
  #speechOpen = false;
  #connected = true;
  #committed = [];

  /**
   * @param {number} rate samples per second.
   * @param {number} [keepSeconds] bound on the sound that is kept.
   */
  constructor(rate, keepSeconds = KEEP_SECONDS) {
    this.#rate = rate;
    this.#keep = Math.round(keepSeconds * rate);
    this.#pieces = new Pieces(rate);
    /** Position before which nothing can change: end of the last final, or silence. */
    this.settled = 0;
    /** Position of the next sample to send on this connection. */
    this.cursor = 0;
    /** Position at which this connection began. */
    this.offset = 0;
  }

  /** Samples that were appended. */
  get received() {
    return this.#pieces.end;
  }

  /** Samples that wait to be sent. */
  get unsent() {
    return this.received - this.cursor;
  }

  /** Seconds to add to the times that this connection reports. */
  get offsetSeconds() {
    return this.offset / this.#rate;
  }

  /**
   * Whether the bound has dropped sound that this connection had not sent yet. Times would be wrong
   * from there on, so the connection has to be replaced.
   */
  get overrun() {
    return this.cursor < this.#pieces.oldest;
  }

  /**
   * Add sound; the oldest beyond the bound is dropped.
   *
   * @param {Int16Array} samples
   * @param {number} capturedAt Unix seconds of the first of them.
   */
  append(samples, capturedAt) {
    this.#pieces.append(samples, capturedAt);
    const floor = this.received - this.#keep;
    if (floor > this.#pieces.oldest) {
      // What a server has had for so long without hearing speech in it is silence.
      if (this.#connected && !this.#speechOpen) {
        this.settled = Math.max(this.settled, Math.min(floor, this.cursor));
      }
      this.#pieces.forget(floor);
    }
  }

  /** Ask for a final here. */
  finalize() {
    this.#marks.push(this.received);
  }

  /**
   * @returns {import('./pieces.js').Piece | 'finalize' | null} what is to be sent next, in order;
   *   null: the server has everything.
   */
  next() {
    const mark = this.#marks[this.#marksSent];
    if (mark !== undefined && mark <= this.cursor) {
      this.#marksSent += 1;
      return 'finalize';
    }
    const piece = this.#pieces.from(this.cursor);
    if (piece) {
      this.cursor = piece.position + piece.samples.length;
    }
    return piece;
  }

  /**
   * Note how far the server has got.
   *
   * @param {object} event as `parseResult` returns it.
   */
  observe(event) {
    if (event.kind === 'speech') {
      this.#speechOpen = true;
    } else if (event.kind === 'transcript' && !event.isFinal) {
      this.#speechOpen ||= event.words.length > 0;
      this.#committed = event.words.slice(0, event.committed);
    } else if (event.kind === 'transcript') {
      const end = Math.min(Math.round(event.end * this.#rate), this.cursor);
      this.settled = Math.max(this.settled, end);
      this.#pieces.forget(this.settled);
      this.#committed = this.#committed.slice(event.words.length);
      if (event.fromFinalize && this.#marksSent) {
        this.#marks.shift();
        this.#marksSent -= 1;
      }
      if (event.speechFinal) {
        this.#speechOpen = false;
      }
    }
  }

  /** Note that the connection is gone: the server hears nothing until `restart`. */
  interrupt() {
    this.#connected = false;
  }

  /**
   * Begin again on a new connection, at the end of the last final.
   *
   * @returns {{position: number, replayed: number, lost: number,
   *   committed: import('./results.js').Word[]}} where, how many samples are sent again, how many
   *   are gone, and the words behind that position that are shown as committed.
   */
  restart() {
    this.#connected = true;
    const oldest = this.#pieces.oldest;
    const lost = Math.max(0, oldest - this.settled);
    this.settled = Math.max(this.settled, oldest);
    this.#pieces.forget(this.settled);
    const replayed = Math.max(0, this.cursor - this.settled);
    this.#marksSent = 0;
    this.offset = this.cursor = this.settled;
    return { position: this.offset, replayed, lost, committed: lost ? [] : this.#committed };
  }
}
