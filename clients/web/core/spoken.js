/**
 * Which words of a reply have been heard: its text laid over its sound. Pure.
 *
 * A server sends the words of a clause just before their sound. So the place of a piece of text in
 * the sound is known when it arrives, and within the piece the words are spread by their length. A
 * server that tells when single words begin makes that exact.
 *
 * Positions are samples since the beginning of the part.
 */

import { REALTIME_RATE } from './pcm.js';

/** What a character takes, roughly: used for text whose sound has not all arrived. */
const SAMPLES_PER_CHARACTER = Math.floor(REALTIME_RATE / 15);

export class SpokenText {
  #anchors = [];
  #marked = 0;
  #complete = false;

  constructor() {
    /** All that has arrived. */
    this.text = '';
  }

  /**
   * @param {string} delta more text
   * @param {number} arrived whose sound begins here: behind the sound that has arrived.
   */
  add(delta, arrived) {
    this.#anchor(this.text.length, arrived);
    this.text += delta;
  }

  /**
   * @param {string} word the next occurrence of it
   * @param {number} at begins here.
   */
  mark(word, at) {
    const found = word ? this.text.indexOf(word, this.#marked) : -1;
    if (found >= 0) {
      this.#marked = found + word.length;
      this.#anchor(found, at);
    }
  }

  /** Say that no more sound will come. */
  complete() {
    this.#complete = true;
  }

  /**
   * Divide the text into what was heard and what was not.
   *
   * @param {number} heard samples that were played.
   * @param {number} arrived samples that there are so far.
   * @param {boolean} [whole] count a word only when it is over, not as soon as it has begun.
   * @returns {[string, string]} together they are the text.
   */
  split(heard, arrived, whole = false) {
    if (this.#complete && heard >= arrived) {
      return [this.text, ''];
    }
    let cut = 0;
    for (const word of this.text.matchAll(/\S+/g)) {
      const end = word.index + word[0].length;
      const place = this.#place(whole ? end : word.index, arrived);
      if (place >= heard + (whole ? 1 : 0)) {
        break;
      }
      cut = end;
    }
    return [this.text.slice(0, cut), this.text.slice(cut)];
  }

  /** Note where a character lies, unless that contradicts the notes beside it. */
  #anchor(character, sample) {
    let place = this.#anchors.findIndex((anchor) => anchor.character >= character);
    place = place < 0 ? this.#anchors.length : place;
    const same = this.#anchors[place]?.character === character ? 1 : 0;
    const before = this.#anchors[place - 1]?.sample ?? -1;
    const after = this.#anchors[place + same]?.sample ?? Infinity;
    if (before < sample && sample < after) {
      this.#anchors.splice(place, same, { character, sample });
    }
  }

  /** Where a character lies in the sound: between the nearest notes. */
  #place(character, arrived) {
    let place = this.#anchors.length - 1;
    while (place > 0 && this.#anchors[place].character > character) {
      place -= 1;
    }
    const start = this.#anchors[place];
    let end = this.#anchors[place + 1];
    if (!end) {
      const guess = start.sample + (this.text.length - start.character) * SAMPLES_PER_CHARACTER;
      const sample = this.#complete ? arrived : Math.max(arrived, guess);
      end = { character: this.text.length, sample };
    }
    const share = (character - start.character) / Math.max(1, end.character - start.character);
    return start.sample + share * (end.sample - start.sample);
  }
}
