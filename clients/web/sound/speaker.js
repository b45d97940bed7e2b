/** The loudspeaker: plays parts of replies, and knows at any moment which sample is heard. */

import { REALTIME_RATE } from '../core/pcm.js';
import { keyOf } from '../core/parts.js';
import { Playback } from '../core/playback.js';
import { now } from './now.js';

const WORKLET = new URL('./playback.worklet.js', import.meta.url);

/** A loudspeaker that is further behind than this many seconds is not believed. */
const MAX_LATENCY = 1;

/** A context that is allowed to run does so in this time. */
const START_MS = 500;

/** Event: `progress`, some fifty times a second while it is open and runs. */
export class Speaker extends EventTarget {
  #context = null;
  #node = null;
  #gain = null;
  #muted = false;
  #playback = new Playback();
  #stops = [];
  #opening = null;

  constructor() {
    super();
    /** Times that a reply had no more sound although more was to come. */
    this.underruns = 0;
    /** Milliseconds of silence because of that. */
    this.dryMilliseconds = 0;
    /** Samples that were left out because a reply was longer than ten minutes. */
    this.leftOut = 0;
    /** Milliseconds of sound that are waited for before a reply begins. */
    this.prebuffer = 0;
  }

  /**
   * Open it, if it is not.
   *
   * @throws {Error} the browser cannot play sound as this page needs it.
   */
  async open() {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** Close it; nothing more is heard. */
  close() {
    this.#node?.port.postMessage({ kind: 'close' });
    if (this.#node) {
      this.#node.port.onmessage = null;
    }
    this.#node?.disconnect();
    void this.#context?.close();
    this.#context = this.#node = this.#gain = null;
    this.#playback = new Playback();
    this.#stops.splice(0).forEach((resolve) => resolve([]));
  }

  /** Whether it is open. */
  get opened() {
    return this.#node !== null;
  }

  /** Whether it runs; without a click, or without a loudspeaker, some browsers do not let it. */
  get running() {
    return this.#context?.state === 'running';
  }

  /** Whether it is silent; replies go on all the same. */
  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = Boolean(muted);
    // In 10 ms, so that it does not click.
    this.#gain?.gain.setTargetAtTime(this.#muted ? 0 : 1, this.#context.currentTime, 0.01);
  }

  /** Milliseconds from the page to the ear, as far as the browser tells. */
  get outputLatency() {
    const context = this.#context;
    return context ? (context.outputLatency || context.baseLatency || 0) * 1000 : 0;
  }

  /** The node behind which nothing changes the sound any more; null: it is closed. */
  get output() {
    return this.#gain;
  }

  /** Whether nothing is to be played and nothing is being heard, as of the last `poll`. */
  get idle() {
    return this.#playback.idle;
  }

  /**
   * Queue sound of a part; a new part ends the one before it.
   *
   * @param {import('../core/parts.js').Part} part
   * @param {Int16Array} samples at 24 kHz; they are taken away from the caller.
   */
  play(part, samples) {
    if (this.#node && samples.length) {
      this.#playback.add(part, samples);
      const message = { kind: 'add', key: keyOf(part), samples };
      this.#node.port.postMessage(message, [samples.buffer]);
    }
  }

  /** @param {import('../core/parts.js').Part | null} part of which no more will come; null: all. */
  end(part) {
    this.#node?.port.postMessage({ kind: 'end', key: part && keyOf(part) });
  }

  /**
   * Stop, within 128 samples (5 ms); what was given to the device is heard to its end.
   *
   * @returns {Promise<import('../core/parts.js').Position[]>} for each part that is cut short by
   *   this, how much of it will have been heard.
   */
  stop() {
    if (!this.#node) {
      return Promise.resolve([]);
    }
    this.#node.port.postMessage({ kind: 'stop' });
    return new Promise((resolve) => {
      this.#stops.push(resolve);
    });
  }

  /** Pause, as quickly as `stop`; nothing is lost, and what comes meanwhile waits. */
  hold() {
    this.#node?.port.postMessage({ kind: 'hold' });
  }

  /** Go on after `hold`, with the very next sample. */
  resume() {
    this.#node?.port.postMessage({ kind: 'resume' });
  }

  /**
   * @returns {{events: import('../core/playback.js').PlaybackEvent[],
   *   position: import('../core/parts.js').Position | null}} what was heard since the last call,
   *   and what is being heard.
   */
  poll() {
    if (!this.#context) {
      return { events: [], position: null };
    }
    const { heard, timeOf } = this.#heard();
    return { events: this.#playback.poll(heard, timeOf), position: this.#playback.position() };
  }

  async #open() {
    if (this.opened) {
      await this.#resume();
      return;
    }
    if (!globalThis.AudioWorkletNode) {
      throw new Error(
        globalThis.isSecureContext
          ? 'This browser cannot play sound as this page needs it (AudioWorklet). Use a current ' +
              'version of Firefox, Chrome, Edge or Safari.'
          : 'Browsers let only pages on https or localhost talk. Open this page at ' +
              'http://localhost, or start the server with --tls-self-signed and use https.'
      );
    }
    let context = null;
    try {
      context = new AudioContext({ sampleRate: REALTIME_RATE, latencyHint: 'interactive' });
      await context.audioWorklet.addModule(WORKLET);
    } catch (error) {
      void context?.close();
      throw new Error('The loudspeaker could not be opened. Load the page again.', {
        cause: error,
      });
    }
    this.#context = context;
    this.#node = new AudioWorkletNode(context, 'player', {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.#node.port.onmessage = ({ data }) => this.#take(data);
    this.#gain = new GainNode(context, { gain: this.#muted ? 0 : 1 });
    this.#node.connect(this.#gain).connect(context.destination);
    await this.#resume();
  }

  async #resume() {
    const context = this.#context;
    // A promise that a browser which waits for a click keeps open.
    const late = new Promise((resolve) => setTimeout(resolve, START_MS));
    await Promise.race([context.resume(), late]);
  }

  #take({ report, stops, underruns, dry, leftOut, target }) {
    this.underruns = underruns;
    this.dryMilliseconds = (dry * 1000) / REALTIME_RATE;
    this.leftOut = leftOut;
    this.prebuffer = target * 1000;
    const cut = report && this.#playback.rendered(report);
    if (cut) {
      // What was cut is told to one of those who asked for it, so that nobody counts it twice.
      this.#stops.splice(0, stops).forEach((resolve, place) => resolve(place ? [] : cut));
    }
    this.dispatchEvent(new Event('progress'));
  }

  /** Which frame is heard now, and when another one is. */
  #heard() {
    const context = this.#context;
    const rendered = context.currentTime;
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp?.() ?? {};
    const time = now();
    let second = contextTime + (time - (performance.timeOrigin + performanceTime) / 1000);
    if (!contextTime || second > rendered || second < rendered - MAX_LATENCY) {
      second = rendered - this.outputLatency / 1000;
    }
    const heard = second * context.sampleRate;
    return { heard, timeOf: (frame) => time + (frame - heard) / context.sampleRate };
  }
}
