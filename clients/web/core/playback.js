/**
 * What was heard of what is played: to the sample. Pure.
 *
 * The audio thread tells which frame of the context has which sample; the context tells which frame
 * is heard now. Times are Unix seconds.
 *
 * @typedef {{kind: 'begun' | 'audible', part: import('./parts.js').Part, at: number}
 *   | {kind: 'ended', part: import('./parts.js').Part, samples: number, at: number}} PlaybackEvent
 *   The first sample of a part was heard; the first that is not silence; all of it.
 */

import { firstAudible } from './pcm.js';
import { keyOf } from './parts.js';

export class Playback {
  #parts = new Map();
  #spans = [];

  /** Whether nothing is to be played and nothing is being heard, as of the last `poll`. */
  get idle() {
    return this.#parts.size === 0;
  }

  /**
   * Sound of a part is on its way to the audio thread.
   *
   * @param {import('./parts.js').Part} part
   * @param {Int16Array} samples
   */
  add(part, samples) {
    const key = keyOf(part);
    let known = this.#parts.get(key);
    if (!known) {
      known = { part, arrived: 0, heard: 0, audible: -1, begun: false, told: false, end: null };
      this.#parts.set(key, known);
    }
    if (known.audible < 0) {
      const first = firstAudible(samples);
      known.audible = first < 0 ? -1 : known.arrived + first;
    }
    known.arrived += samples.length;
  }

  /**
   * The audio thread has done something.
   *
   * @param {{spans: import('./jitter.js').Span[], ended: {key: string, samples: number}[],
   *   cut: {key: string, samples: number}[] | null}} report
   * @returns {import('./parts.js').Position[] | null} where parts were cut, if they were.
   */
  rendered({ spans, ended, cut }) {
    this.#spans.push(...spans);
    for (const { key, samples } of ended) {
      const known = this.#parts.get(key);
      if (known) {
        known.end = { samples, cut: false };
      }
    }
    if (cut === null) {
      return null;
    }
    const positions = [];
    for (const { key, samples } of cut) {
      const known = this.#parts.get(key);
      if (known) {
        known.end = { samples, cut: true };
        positions.push({ part: known.part, samples });
      }
    }
    return positions;
  }

  /**
   * @param {number} frame that is heard now; it may lie within a frame.
   * @param {(frame: number) => number} timeOf Unix seconds at which a frame is heard.
   * @returns {PlaybackEvent[]} what happened since the last call, in order.
   */
  poll(frame, timeOf) {
    const events = [];
    while (this.#spans.length && this.#spans[0].frame < frame) {
      const span = this.#spans[0];
      const count = Math.min(span.count, Math.floor(frame - span.frame) + 1);
      const known = this.#parts.get(span.key);
      if (known) {
        this.#hear(known, span, count, timeOf, events);
      }
      if (count < span.count) {
        break;
      }
      this.#spans.shift();
      this.#leave(timeOf(span.frame + span.count), events);
    }
    this.#leave(timeOf(frame), events);
    return events;
  }

  /**
   * @returns {import('./parts.js').Position | null} how far the part that is being heard was heard
   *   at the last `poll`; null: there is none. A part that has run dry counts as being heard.
   */
  position() {
    for (const { part, begun, heard } of this.#parts.values()) {
      if (begun) {
        return { part, samples: heard };
      }
    }
    return null;
  }

  #hear(known, span, count, timeOf, events) {
    if (!known.begun) {
      known.begun = true;
      events.push({ kind: 'begun', part: known.part, at: timeOf(span.frame) });
    }
    known.heard = Math.max(known.heard, span.start + count);
    if (!known.told && known.audible >= 0 && known.audible < known.heard) {
      known.told = true;
      const at = timeOf(span.frame + known.audible - span.start);
      events.push({ kind: 'audible', part: known.part, at });
    }
  }

  /** Let go of the parts that have been heard to their end, or to where they were cut. */
  #leave(at, events) {
    for (const [key, { part, heard, end }] of this.#parts) {
      if (end === null || heard < end.samples) {
        return;
      }
      this.#parts.delete(key);
      if (!end.cut && end.samples) {
        events.push({ kind: 'ended', part, samples: end.samples, at });
      }
    }
  }
}
