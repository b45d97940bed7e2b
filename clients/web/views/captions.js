/** Captions on the page: painted at most once a frame, and only what has changed. */

import { afterPaint, byId, create, oncePerFrame, setText } from './dom.js';
import { FoldedList } from './folded.js';
import { Following } from './scrolling.js';
import { clockText } from './times.js';

/** Codes that a browser knows, unlike `multi`. */
const LANGUAGE = /^[a-z]{2,3}(-\w+)*$/i;

export class CaptionView {
  #list = new FoldedList(byId('captions-lines'), byId('captions-earlier'));
  #current = byId('captions-current');
  #following = new Following(byId('captions-scroller'), byId('captions-newest'));
  #captioner = null;
  #painted = -1;
  #toShow = [];
  #paint = oncePerFrame(() => this.#paintNow());

  /**
   * Show a captioner's words from now on.
   *
   * @param {import('../app/captioner.js').Captioner} captioner
   */
  show(captioner) {
    this.#captioner = captioner;
    captioner.addEventListener('change', ({ caption }) => {
      if (caption !== null) {
        this.#toShow.push(caption);
      }
      this.#paint();
    });
    delete byId('view-captions').dataset.blank;
    this.#paint();
  }

  /** All lines that there are. @returns {import('../core/captions.js').Line[]} */
  get lines() {
    return this.#captioner?.captions.lines ?? [];
  }

  #paintNow() {
    const { lines, committed, tentative } = this.#captioner.captions;
    for (let place = firstAfter(lines, this.#painted); place < lines.length; place += 1) {
      this.#append(lines[place]);
      this.#painted = lines[place].id;
    }
    const [sure, unsure] = this.#current.children;
    setText(sure, tentative && committed ? `${committed} ` : committed);
    setText(unsure, tentative);
    this.#following.keep();
    const shown = this.#toShow;
    this.#toShow = [];
    // In a hidden tab nobody sees them, so there is no time at which they were shown.
    if (shown.length && !document.hidden) {
      afterPaint(() => shown.forEach((caption) => this.#captioner.shown(caption)));
    }
  }

  #append(line) {
    const time = clockText(line.start);
    const stamp = create('time', { datetime: `PT${Math.round(line.start)}S` }, time);
    const element = create('p', {}, stamp, line.text);
    const translated = this.#captioner.options.task === 'translate';
    const language = translated ? 'en' : line.language;
    if (LANGUAGE.test(language ?? '')) {
      element.lang = language;
    }
    this.#list.append(String(line.id), element, () => `${time}  ${line.text}`);
  }
}

/** Where in `lines` the first one lies whose id is above `id`; ids ascend. */
function firstAfter(lines, id) {
  let place = lines.length;
  while (place > 0 && lines[place - 1].id > id) {
    place -= 1;
  }
  return place;
}
