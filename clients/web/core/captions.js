/**
 * Captions as a person reads them: lines that stand, and the words of the line that grows. Pure.
 *
 * The newest `MAX_LINES` lines are kept; `subtitles.js` makes files of them.
 */

/** Lines that are kept: about half a day of talk. */
export const MAX_LINES = 5000;

/**
 * @typedef {object} Line
 * @property {number} id counts up; the line that grows has its id before it is complete.
 * @property {number} start seconds.
 * @property {number} end seconds.
 * @property {string} text
 * @property {import('./results.js').Word[]} words
 * @property {string | null} language
 * @property {number} at Unix seconds at which it was complete.
 */

export class CaptionText {
  #pending = [];
  #words = [];
  #committed = 0;
  #next = 0;
  #language = null;

  constructor() {
    /** Complete lines, oldest first. @type {Line[]} */
    this.lines = [];
  }

  /** Words of the growing line that will not change any more. */
  get committed() {
    return textOf([...this.#pending, ...this.#words.slice(0, this.#committed)]);
  }

  /** Words of it that may still change. */
  get tentative() {
    return textOf(this.#words.slice(this.#committed));
  }

  /** Id that the growing line has, and will have when it is complete. */
  get openId() {
    return this.#next;
  }

  /**
   * @param {import('./results.js').Transcript} transcript
   * @param {number} now Unix seconds.
   * @returns {boolean} whether anything is to be shown anew.
   */
  add(transcript, now) {
    const before = this.committed + '\n' + this.tentative;
    const lines = this.#next;
    if (transcript.isFinal) {
      // A final may close some words of an utterance only; the line is complete at its end.
      this.#pending.push(...transcript.words);
      this.#words = this.#words.slice(transcript.words.length);
      this.#committed = Math.max(0, this.#committed - transcript.words.length);
      this.#language = transcript.language ?? this.#language;
      if (transcript.speechFinal) {
        this.#words = [];
        this.complete(now);
      }
    } else {
      this.#words = transcript.words;
      this.#committed = transcript.committed;
    }
    return lines !== this.#next || before !== this.committed + '\n' + this.tentative;
  }

  /**
   * Close the growing line; what is tentative in it is dropped.
   *
   * @param {number} now Unix seconds.
   */
  complete(now) {
    const words = [...this.#pending, ...this.#words.slice(0, this.#committed)];
    this.#pending = this.#words = [];
    this.#committed = 0;
    if (!words.length) {
      return;
    }
    this.lines.push({
      id: this.#next,
      start: words[0].start,
      end: words[words.length - 1].end,
      text: textOf(words),
      words,
      language: this.#language,
      at: now,
    });
    this.#next += 1;
    if (this.lines.length > MAX_LINES) {
      this.lines.splice(0, this.lines.length - MAX_LINES);
    }
  }
}

function textOf(words) {
  return words.map((word) => word.text).join(' ');
}
