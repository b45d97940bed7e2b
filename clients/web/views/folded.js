/**
 * A list of which only the newest entries are in the page.
 *
 * Older ones are one piece of text in a block that is closed, so that what a tab holds does not
 * grow with the length of a talk.
 */

/** Entries that are elements of their own. */
export const KEPT = 120;

/** Entries that are remembered as text. */
const FOLDED = 5000;

export class FoldedList {
  #list;
  #block;
  #kept;
  #entries = new Map();
  #folded = [];

  /**
   * @param {HTMLElement} list
   * @param {HTMLDetailsElement} block takes what is old.
   * @param {number} [kept]
   */
  constructor(list, block, kept = KEPT) {
    this.#list = list;
    this.#block = block;
    this.#kept = kept;
    block.addEventListener('toggle', () => this.#tell());
  }

  /**
   * @param {string} key
   * @returns {HTMLElement | undefined} its element, if it is in the page.
   */
  find(key) {
    return this.#entries.get(key)?.element;
  }

  /**
   * Add an entry at the end; the oldest one is folded away where there are too many.
   *
   * @param {string} key
   * @param {HTMLElement} element
   * @param {() => string} text what remains of it.
   */
  append(key, element, text) {
    this.#entries.set(key, { element, text });
    this.#list.append(element);
    if (this.#entries.size > this.#kept) {
      const [oldest, entry] = this.#entries.entries().next().value;
      this.#entries.delete(oldest);
      entry.element.remove();
      this.#folded.push(entry.text());
      this.#folded.splice(0, this.#folded.length - FOLDED);
      this.#tell();
    }
  }

  /** Take an entry out that is no more. */
  remove(key) {
    this.find(key)?.remove();
    this.#entries.delete(key);
  }

  #tell() {
    const count = this.#folded.length;
    this.#block.hidden = count === 0;
    this.#block.firstElementChild.textContent = `${count} earlier`;
    const text = this.#block.open ? this.#folded.join('\n') : '';
    this.#block.lastElementChild.textContent = text;
  }
}
