/** Dark or light: as the system has it, until the person chooses. */

import { byId } from './dom.js';
import { prefer } from './preferences.js';

const system = matchMedia('(prefers-color-scheme: dark)');

/** @returns {'dark' | 'light'} what is shown. */
export function theme() {
  return document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light');
}

/** @param {'dark' | 'light'} chosen */
export function setTheme(chosen) {
  document.documentElement.dataset.theme = chosen;
  prefer('theme', chosen);
}

/** Make the button work. */
export function beginTheme() {
  byId('theme').addEventListener('click', () => {
    setTheme(theme() === 'dark' ? 'light' : 'dark');
  });
  system.addEventListener('change', show);
  // The agent may change it, too: that is one of its tools.
  new MutationObserver(show).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  show();
}

function show() {
  byId('theme').setAttribute('aria-pressed', String(theme() === 'dark'));
}
