/** A trace of delays that a test makes up. */

import { summary } from '/core/percentiles.js';
import { totalOf } from '/core/waterfall.js';

export class SessionTrace extends EventTarget {
  turns = [];
  chunks = [];
  clock = { offset: null, error: null };

  percentiles(part, of = 'turns') {
    const values = this[of].map(({ parts }) => (part === 'total' ? totalOf(parts) : parts[part]));
    return summary(values.filter(Number.isFinite));
  }

  toJSONL() {
    return '{"kind":"begin","format":2}\n';
  }

  clear() {
    this.turns = [];
    this.chunks = [];
    this.tell();
  }

  tell() {
    this.dispatchEvent(new Event('change'));
  }
}
