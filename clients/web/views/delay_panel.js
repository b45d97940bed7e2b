/** One kind of delay: the newest as stairs, those before it as strips, all of them as a table. */

import { create, draw, setText } from './dom.js';
import { axisFor, drawStrip, places, stairs } from './waterfall.js';
import { dayText, durationText } from './times.js';

/** Delays that are drawn as strips. */
const SHOWN = 10;

/**
 * @typedef {object} Delay
 * @property {string | number} id
 * @property {number} at Unix seconds.
 * @property {string} [text] what was said.
 * @property {Object<string, number>} parts milliseconds.
 * @property {number} total milliseconds.
 */

export class DelayPanel {
  #parts;
  #percentiles;
  #rows = new Map();
  #chosen = null;
  #delays = [];
  #drawn = '';

  /**
   * @param {object} options
   * @param {string} options.title
   * @param {string} options.nothing what is said while there is nothing to draw.
   * @param {import('./parts.js').Part[]} options.parts
   * @param {(part: string) => {p50: number, p95: number, count: number}} options.percentiles
   *   of a part over the session, or of `total`.
   */
  constructor({ title, nothing, parts, percentiles }) {
    this.#parts = parts;
    this.#percentiles = percentiles;
    this.median = create('b', {}, '–');
    this.slow = create('b', {}, '–');
    const heading = create('h3', {}, title);
    this.head = create(
      'div',
      { class: 'panel-head' },
      heading,
      create('span', { class: 'figure' }, 'p50 ', this.median),
      create('span', { class: 'figure' }, 'p95 ', this.slow),
    );
    this.nothing = create('p', { class: 'nothing' }, nothing);
    this.stairs = create('div', { class: 'stairs' });
    this.history = create('div', { class: 'history' }, create('h4', {}, 'Before that'));
    this.table = create('table');
    const scroller = create('div', { class: 'table-scroller' }, this.table);
    this.body = create('div', { class: 'panel-body' }, this.stairs, this.history, scroller);
    this.element = create('section', { class: 'panel', 'aria-label': title });
    this.element.append(this.head, this.nothing, this.body);
  }

  /**
   * Draw one of them as stairs.
   *
   * @param {string | number | null} id null: the newest one, whichever that is.
   */
  choose(id) {
    this.#chosen = id;
    this.#drawn = '';
    this.draw(this.#delays);
  }

  /** @param {Delay[]} delays oldest first. */
  draw(delays) {
    this.#delays = delays;
    this.nothing.hidden = delays.length > 0;
    this.body.hidden = delays.length === 0;
    const total = this.#percentiles('total');
    setText(this.median, durationText(total.p50));
    setText(this.slow, durationText(total.p95));
    if (!delays.length) {
      return;
    }
    const newest = delays.slice(-SHOWN).reverse();
    const chosen = delays.find(({ id }) => id === this.#chosen);
    const focus = chosen ?? newest[0];
    const axis = axisFor(Math.max(...newest.map((each) => each.total), focus.total));
    this.#drawStairs(focus, axis, chosen ? 'Chosen' : 'Newest');
    this.#drawHistory(newest, axis, focus);
    this.#drawTable(total);
  }

  #drawStairs(delay, axis, which) {
    const drawn = JSON.stringify([delay.id, delay.parts, axis.end, which]);
    if (drawn === this.#drawn) {
      return;
    }
    this.#drawn = drawn;
    const label = `${which}: ${delay.text ?? dayText(delay.at)}`;
    const title = create('div', { class: 'stairs-title' }, create('span', {}, label));
    title.append(create('b', { class: 'milliseconds' }, durationText(delay.total)));
    this.stairs.replaceChildren(title, ...stairs(places(this.#parts, delay.parts), axis));
  }

  #drawHistory(newest, axis, focus) {
    const keep = new Set(newest.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (!keep.has(id)) {
        row.remove();
        this.#rows.delete(id);
      }
    }
    let before = null;
    for (const delay of [...newest].reverse()) {
      const row = this.#rows.get(delay.id) ?? this.#addRow(delay.id);
      const [label, svg, value] = row.children;
      setText(label, delay.text ?? dayText(delay.at));
      setText(value, durationText(delay.total));
      drawStrip(svg, places(this.#parts, delay.parts), axis.end);
      row.setAttribute('aria-pressed', String(delay.id === focus.id));
      // Moving a row that has the focus would take the focus from it.
      if (row.nextElementSibling !== before || !row.parentElement) {
        this.history.insertBefore(row, before);
      }
      before = row;
    }
    setText(this.history.firstElementChild, newest.length > 1 ? 'The last ones' : 'The last one');
  }

  #addRow(id) {
    const row = create('button', { type: 'button' });
    row.append(create('span', { class: 'label' }), draw('svg'));
    row.append(create('span', { class: 'milliseconds' }));
    row.addEventListener('click', () => this.choose(this.#chosen === id ? null : id));
    this.#rows.set(id, row);
    return row;
  }

  #drawTable(total) {
    if (!this.table.tHead) {
      this.#makeTable();
    }
    setText(this.table.caption, `Over this session (${total.count})`);
    for (const row of this.table.tBodies[0].rows) {
      const { p50, p95 } = this.#percentiles(row.dataset.of);
      setText(row.cells[2], durationText(p50));
      setText(row.cells[3], durationText(p95));
    }
  }

  #makeTable() {
    this.table.createCaption();
    const heads = ['Part', 'What happens', 'p50', 'p95'].map((text, place) => {
      return create('th', { scope: 'col', ...(place === 1 ? { class: 'meaning' } : {}) }, text);
    });
    this.table.createTHead().append(create('tr', {}, ...heads));
    const rows = this.#parts.map(({ id, name, meaning }) => {
      const swatch = create('span', { class: 'swatch', 'data-part': id });
      return tableRow(id, [swatch, name], meaning);
    });
    this.table.createTBody().append(...rows, tableRow('total', ['All together'], ''));
  }
}

function tableRow(id, name, meaning) {
  return create(
    'tr',
    { 'data-of': id },
    create('th', { scope: 'row' }, ...name),
    create('td', { class: 'meaning' }, meaning),
    create('td'),
    create('td'),
  );
}
