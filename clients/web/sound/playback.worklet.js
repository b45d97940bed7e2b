/** The loudspeaker, in the audio thread: plays what it is given, and tells what it has played. */

import { JitterQueue } from '../core/jitter.js';

/** Frames between two reports: they are also what drives the page while its timers are slow. */
const REPORT_SECONDS = 0.02;

class Player extends AudioWorkletProcessor {
  #queue = new JitterQueue(sampleRate);
  #reported = 0;
  #stops = 0;
  #closed = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  process(inputs, [[out]]) {
    this.#queue.take(out, currentFrame);
    const due = currentFrame + out.length - this.#reported >= REPORT_SECONDS * sampleRate;
    if (due || this.#queue.urgent) {
      this.#reported = currentFrame + out.length;
      const { underruns, dry, leftOut, target } = this.#queue;
      const report = this.#queue.report();
      // Who asks twice within one block is answered once for both.
      const stops = report?.cut ? this.#stops : 0;
      this.#stops -= stops;
      this.port.postMessage({ report, stops, underruns, dry, leftOut, target });
    }
    return !this.#closed;
  }

  #obey({ kind, key, samples }) {
    switch (kind) {
      case 'add':
        this.#queue.add(key, samples);
        break;
      case 'end':
        this.#queue.end(key);
        break;
      case 'stop':
        this.#stops += 1;
        this.#queue.stop();
        break;
      case 'hold':
        this.#queue.hold();
        break;
      case 'resume':
        this.#queue.resume();
        break;
      case 'close':
        this.#closed = true;
        break;
    }
  }
}

registerProcessor('player', Player);
