/** A microphone's sound by way of an audio context: the way that every browser has. */

import { MicrophoneError } from './microphone_error.js';

const WORKLET = new URL('./capture.worklet.js', import.meta.url);

/** A context that takes longer to run will not. */
const START_MS = 3000;

export class GraphCapture {
  #context;
  #source;

  /** Called when it has failed after it had begun; this way does not. @type {() => void} */
  onfailed = () => undefined;

  constructor(context, source) {
    this.#context = context;
    this.#source = source;
    const [track] = source.mediaStream.getAudioTracks();
    /** Seconds from a sound at the device to the graph, as far as the browser tells. */
    this.latency = track.getSettings().latency ?? 0;
  }

  /**
   * @param {MediaStream} stream
   * @returns {Promise<GraphCapture>}
   * @throws {MicrophoneError} the context does not run.
   */
  static async open(stream) {
    if (!globalThis.AudioWorkletNode) {
      throw new MicrophoneError('unsupported');
    }
    const context = new AudioContext({ latencyHint: 'interactive' });
    try {
      await context.audioWorklet.addModule(WORKLET);
      await running(context);
      return new GraphCapture(context, context.createMediaStreamSource(stream));
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /**
   * @param {number} rate Hz.
   * @returns {MessagePort} brings chunks until it is sent a message.
   */
  port(rate) {
    const node = new AudioWorkletNode(this.#context, 'capture', {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
      processorOptions: { rate },
    });
    this.#source.connect(node);
    return node.port;
  }

  /** There is nothing to do: a track that is not enabled is silent here. */
  mute() {}

  close() {
    this.#source.disconnect();
    void this.#context.close();
  }
}

/** Wait until a context runs; where that needs a click, the person has just made one. */
async function running(context) {
  const late = new Promise((resolve) => setTimeout(resolve, START_MS));
  await Promise.race([context.resume(), late]);
  if (context.state !== 'running') {
    throw new MicrophoneError('stalled');
  }
}
