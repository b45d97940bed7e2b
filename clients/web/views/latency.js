/** The latency view: loaded when it is first shown, drawn only while it is seen. */

import { totalOf } from '../core/waterfall.js';
import { fileTime, save } from './caption_tools.js';
import { DelayPanel } from './delay_panel.js';
import { byId, oncePerFrame, setText } from './dom.js';
import { TURN_PARTS, WORD_PARTS } from './parts.js';
import { durationText } from './times.js';

export class LatencyView {
  #trace;
  #turns;
  #words;
  #draw = oncePerFrame(() => this.#drawNow());

  /** @param {import('../app/session_trace.js').SessionTrace} trace */
  constructor(trace) {
    this.#trace = trace;
    this.#turns = new DelayPanel({
      title: 'Silence before an answer',
      nothing:
        'No answer yet. Talk with the agent: each silence, from your last sound to its first, ' +
        'is taken apart here.',
      parts: TURN_PARTS,
      percentiles: (part) => trace.percentiles(part, 'turns'),
    });
    this.#words = new DelayPanel({
      title: 'Delay of a caption',
      nothing:
        'No captions yet. Start them: the way of each word, from its sound to the screen, ' +
        'is drawn here.',
      parts: WORD_PARTS,
      percentiles: (part) => trace.percentiles(part, 'chunks'),
    });
    byId('latency-columns').append(this.#turns.element, this.#words.element);
    byId('trace-save').addEventListener('click', () => {
      save(`trace-${fileTime()}.jsonl`, trace.toJSONL(), 'application/jsonl');
    });
    byId('trace-clear').addEventListener('click', () => trace.clear());
    trace.addEventListener('change', () => this.draw());
    this.draw();
  }

  /** Draw what has changed, if anybody sees it. */
  draw() {
    if (!byId('view-latency').hidden && !document.hidden) {
      this.#draw();
    }
  }

  /** Show one turn's stairs. */
  choose(id) {
    this.#turns.choose(id);
  }

  #drawNow() {
    const { turns, chunks, clock } = this.#trace;
    this.#turns.draw(turns);
    this.#words.draw(chunks.map(asDelay));
    const error = durationText((clock?.error ?? NaN) * 1000);
    setText(
      byId('clock'),
      Number.isFinite(clock?.error)
        ? `The clocks of this device and the server are compared to ±${error}.`
        : 'The clocks have not been compared yet.'
    );
  }
}

/** Captions have no name of their own; the records of the trace stay the same objects. */
const identifiers = new WeakMap();
let identified = 0;

function asDelay(chunk) {
  if (!identifiers.has(chunk)) {
    identified += 1;
    identifiers.set(chunk, identified);
  }
  return { ...chunk, id: identifiers.get(chunk), total: totalOf(chunk.parts) };
}
