/** What one can do with captions: read them large, copy them, take them along. */

import { srt, text, vtt } from '../core/subtitles.js';
import { byId, setText } from './dom.js';
import { notify } from './notices.js';
import { prefer, preference } from './preferences.js';

const FILES = {
  srt: { make: srt, type: 'application/x-subrip' },
  vtt: { make: vtt, type: 'text/vtt' },
  txt: { make: text, type: 'text/plain' },
};

/** Milliseconds for which the button says that it has copied. */
const COPIED_SHOWN = 2000;

/** By how much one press makes the letters bigger, and how far that goes. */
const [STEP, SMALLEST, BIGGEST] = [1.15, 0.5, 2.5];

/** @param {import('./captions.js').CaptionView} view */
export function beginCaptionTools(view) {
  for (const button of document.querySelectorAll('[data-download]')) {
    const ending = button.dataset.download;
    button.addEventListener('click', () => {
      const { make, type } = FILES[ending];
      save(`captions-${fileTime()}.${ending}`, make(view.lines), type);
    });
  }
  byId('copy').addEventListener('click', () => copy(text(view.lines)));
  new LargeType();
}

/**
 * Let the browser save a text as a file.
 *
 * @param {string} name
 * @param {string} content
 * @param {string} type
 */
export function save(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it a moment after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @returns {string} the time of day as part of a file's name. */
export function fileTime() {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
}

async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    setText(byId('copy-label'), 'Copied');
    setTimeout(() => setText(byId('copy-label'), 'Copy'), COPIED_SHOWN);
  } catch {
    const why = 'The browser did not let the page copy. Mark the text and copy it by hand.';
    notify('warning', why, 'copy');
  }
}

class LargeType {
  #scale = preference('largeScale', 1);

  constructor() {
    byId('large').addEventListener('click', () => this.#open());
    byId('large-close').addEventListener('click', () => this.#close());
    byId('large-bigger').addEventListener('click', () => this.#size(this.#scale * STEP));
    byId('large-smaller').addEventListener('click', () => this.#size(this.#scale / STEP));
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#isOpen) {
        this.#close();
      }
    });
    // The browser takes Escape for itself while the page fills the screen.
    document.addEventListener('fullscreenchange', () => {
      if (!document.fullscreenElement && this.#isOpen) {
        this.#close();
      }
    });
    this.#size(this.#scale);
  }

  get #isOpen() {
    return document.body.classList.contains('large-on');
  }

  #open() {
    document.body.classList.add('large-on');
    byId('large-close').focus({ preventScroll: true });
    // Not every browser fills the screen (phones); filling the window is the better half of it.
    document.documentElement.requestFullscreen?.().catch(() => undefined);
  }

  #close() {
    document.body.classList.remove('large-on');
    if (document.fullscreenElement) {
      void document.exitFullscreen();
    }
    byId('large').focus({ preventScroll: true });
  }

  #size(scale) {
    this.#scale = Math.min(BIGGEST, Math.max(SMALLEST, scale));
    prefer('largeScale', this.#scale);
    document.body.style.setProperty('--large-scale', this.#scale.toFixed(3));
  }
}
