/** A transcript stays at its newest words, unless the person has scrolled away from them. */

/** Pixels from the end that still count as being there. */
const NEAR = 48;

export class Following {
  #scroller;
  #button;
  #follows = true;
  #top = 0;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} button leads back to the newest words.
   */
  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener('scroll', () => this.#moved(), { passive: true });
    button.addEventListener('click', () => {
      this.toEnd();
      scroller.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.keep()).observe(scroller);
  }

  /** Show the newest words, if the person was there; to be called after each change. */
  keep() {
    if (this.#follows) {
      this.toEnd();
    } else {
      this.#button.hidden = false;
    }
  }

  /** Show the newest words. */
  toEnd() {
    this.#follows = true;
    this.#button.hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }

  #moved() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    // Text that grows moves the end away; only a person moves up.
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      this.#follows = true;
    } else if (scrollTop < this.#top) {
      this.#follows = false;
    }
    this.#top = scrollTop;
    this.#button.hidden = this.#follows;
  }
}
