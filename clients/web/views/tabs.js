/** The three views as tabs; the address remembers which one is shown. */

import { byId } from './dom.js';

const NAMES = ['captions', 'talk', 'latency'];

/** Event: `change`. */
export class Tabs extends EventTarget {
  constructor() {
    super();
    this.shown = 'captions';
    const tabs = NAMES.map((name) => byId(`tab-${name}`));
    tabs.forEach((tab, place) => {
      tab.addEventListener('click', () => this.show(NAMES[place]));
      tab.addEventListener('keydown', (event) => {
        const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: -1 }[event.key];
        if (next !== undefined) {
          event.preventDefault();
          const to = (next + NAMES.length) % NAMES.length;
          tabs[to].focus();
          this.show(NAMES[to]);
        }
      });
    });
    addEventListener('hashchange', () => this.#follow());
    this.#follow();
  }

  /** @param {'captions' | 'talk' | 'latency'} name */
  show(name) {
    this.shown = name;
    for (const each of NAMES) {
      const selected = each === name;
      byId(`tab-${each}`).setAttribute('aria-selected', String(selected));
      byId(`tab-${each}`).tabIndex = selected ? 0 : -1;
      byId(`view-${each}`).hidden = !selected;
    }
    if (location.hash !== `#${name}`) {
      history.replaceState(null, '', `#${name}`);
    }
    this.dispatchEvent(new Event('change'));
  }

  #follow() {
    const name = location.hash.slice(1);
    if (NAMES.includes(name) && name !== this.shown) {
      this.show(name);
    }
  }
}
