/** Push to talk: hold the button, or the space bar where it does nothing else. */

import { byId } from './dom.js';

/** What takes the space bar for itself. */
const TAKES_SPACE = 'input, textarea, select, button, summary, a, [contenteditable]';

export class PushToTalk {
  #button = byId('hold');
  #talker;
  #held = false;

  /**
   * @param {() => import('../app/talker.js').Talker | null} talker who hears it; null: nobody now.
   */
  constructor(talker) {
    this.#talker = talker;
    const button = this.#button;
    button.addEventListener('pointerdown', (event) => {
      if (event.button === 0) {
        button.setPointerCapture(event.pointerId);
        this.#press();
      }
    });
    for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      button.addEventListener(kind, () => this.release());
    }
    // A long touch would open a menu in the middle of a sentence.
    button.addEventListener('contextmenu', (event) => event.preventDefault());
    document.addEventListener('keydown', (event) => this.#keyDown(event));
    document.addEventListener('keyup', (event) => {
      if (event.code === 'Space' && this.#held) {
        event.preventDefault();
        this.release();
      }
    });
    // Whoever leaves the page does not tell it that they let go.
    addEventListener('blur', () => this.release());
    document.addEventListener('visibilitychange', () => document.hidden && this.release());
  }

  /** The person has let go, or must be taken to have. */
  release() {
    if (this.#held) {
      this.#held = false;
      this.#button.removeAttribute('data-held');
      this.#button.querySelector('span').textContent = 'Hold to talk';
      this.#talker()?.release();
    }
  }

  #keyDown(event) {
    const elsewhere = event.target.closest?.(TAKES_SPACE);
    const ours = elsewhere === this.#button || !elsewhere;
    const covered = this.#button.hidden || document.querySelector('dialog[open]');
    if (event.code !== 'Space' || !ours || covered) {
      return;
    }
    event.preventDefault();
    if (!event.repeat) {
      this.#press();
    }
  }

  #press() {
    const talker = this.#talker();
    if (talker && !this.#held) {
      this.#held = true;
      this.#button.setAttribute('data-held', '');
      this.#button.querySelector('span').textContent = 'Let go to send';
      talker.press();
    }
  }
}
