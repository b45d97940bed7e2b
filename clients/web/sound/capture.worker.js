/**
 * The microphone, in a thread of its own: its track's blocks at other rates, in chunks of 20 ms.
 *
 * Blocks come straight from the device, before any audio graph has buffered them, and whatever the
 * page's thread is busy with. Each comes with its time: see `CaptureClock`.
 *
 * The page gets `'loaded'`, sends `{readable}` (of the track), gets `'running'` when blocks come as
 * they are captured, and sends `{port, rate}` for each who hears, and `{muted}`. A port gets what
 * the audio graph's node sends, and `arrivedAt`: the Unix seconds at which its newest block came,
 * or would have come if nobody had been busy. A message to it ends it.
 */

import { BlockTimes } from '../core/block_times.js';
import { CaptureClock } from '../core/capture_clock.js';
import { Chunker } from '../core/chunker.js';
import { now } from './now.js';

const times = new BlockTimes();
const clock = new CaptureClock();
const listeners = new Set();
let muted = false;
let running = false;

globalThis.onmessage = ({ data }) => {
  if (data.readable) {
    // What goes wrong there is the page's to know: it gets an `error` from a timer's exception,
    // and no more than a warning in the console from a promise.
    read(data.readable).catch((error) =>
      setTimeout(() => {
        throw error;
      })
    );
  } else if (data.port) {
    listen(data.port, data.rate);
  } else {
    muted = data.muted;
  }
};

function listen(port, rate) {
  const listener = { port, rate, chunker: null, from: 0 };
  listeners.add(listener);
  port.onmessage = () => {
    listeners.delete(listener);
    port.close();
  };
}

globalThis.postMessage('loaded');

async function read(readable) {
  const reader = readable.getReader();
  let before = Infinity;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    const came = now();
    const { sampleRate, timestamp } = value;
    let samples;
    try {
      samples = mono(value);
    } finally {
      // Only a few may be open at a time.
      value.close();
    }
    if (muted) {
      samples.fill(0);
    }
    const length = samples.length / sampleRate;
    const begin = times.next(timestamp / 1e6, length);
    const until = begin + length;
    clock.observe(until, came);
    const arrivedAt = clock.timeOf(until);
    for (const listener of listeners) {
      hand(listener, samples, sampleRate, { begin, until, arrivedAt });
    }
    // The first ones have waited until somebody read them: they tell nothing of when they came.
    if (!running && came - before > length / 2) {
      running = true;
      globalThis.postMessage('running');
    }
    before = came;
  }
}

function hand(listener, samples, sampleRate, { begin, until, arrivedAt }) {
  if (listener.from !== sampleRate) {
    listener.from = sampleRate;
    listener.chunker = new Chunker(sampleRate, listener.rate);
  }
  for (const chunk of listener.chunker.process(samples, begin)) {
    listener.port.postMessage({ ...chunk, until, arrivedAt }, [chunk.samples.buffer]);
  }
}

/** All channels of a block as one. */
function mono(block) {
  const mixed = new Float32Array(block.numberOfFrames);
  block.copyTo(mixed, { planeIndex: 0, format: 'f32-planar' });
  const { numberOfChannels: count } = block;
  if (count > 1) {
    const plane = new Float32Array(block.numberOfFrames);
    for (let planeIndex = 1; planeIndex < count; planeIndex += 1) {
      block.copyTo(plane, { planeIndex, format: 'f32-planar' });
      plane.forEach((sample, index) => {
        mixed[index] += sample;
      });
    }
    mixed.forEach((sample, index) => {
      mixed[index] = sample / count;
    });
  }
  return mixed;
}
