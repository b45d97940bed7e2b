/**
 * The microphone, in the audio thread: its sound at another rate, in chunks of 20 ms.
 *
 * Each message has a chunk's `samples`, their `level`, and in seconds of the context where its
 * first sample lies (`first`) and what was there when it was sent (`until`).
 *
 * A context at the rate that is wanted would need no resampler, but not every browser connects a
 * microphone to one, and the echo canceller likes the device's own rate.
 */

import { Chunker } from '../core/chunker.js';

class Capture extends AudioWorkletProcessor {
  #chunker;
  #closed = false;

  constructor({ processorOptions }) {
    super();
    this.#chunker = new Chunker(sampleRate, processorOptions.rate);
    this.port.onmessage = () => {
      this.#closed = true;
    };
  }

  process([channels]) {
    // Without a channel there is no source (any more): time goes on all the same.
    const input = channels.length ? channels[0] : new Float32Array(128);
    const until = (currentFrame + input.length) / sampleRate;
    // The audio thread leaves frames out while it starts: there is no sound of them.
    for (const chunk of this.#chunker.process(input, currentFrame / sampleRate)) {
      this.port.postMessage({ ...chunk, until }, [chunk.samples.buffer]);
    }
    return !this.#closed;
  }
}

registerProcessor('capture', Capture);
