/** The person's microphone: opened once, heard by whoever subscribes, at the rate that they ask. */

import { CaptureClock } from '../core/capture_clock.js';
import { SILENCE_DB } from '../core/pcm.js';
import { GraphCapture } from './graph_capture.js';
import { MicrophoneError } from './microphone_error.js';
import { now } from './now.js';
import { TrackCapture } from './track_capture.js';

export { MicrophoneError };

/** Hz of the tap that is there for the level only. */
const LEVEL_RATE = 8000;

/**
 * @typedef {object} Chunk
 * @property {Int16Array} samples 20 ms of sound.
 * @property {number} capturedAt Unix seconds at which its first sample was captured.
 * @property {number} level in dB of full scale.
 */

/**
 * Events: `level` (a new value of `level`), `ended` (the device is gone, or may not be used any
 * more), `muted` (`muted` has changed).
 */
export class Microphone extends EventTarget {
  #stream = null;
  #capture = null;
  #meter = new Tap(LEVEL_RATE, (chunk) => this.#setLevel(chunk.level));
  #taps = new Set();
  #muted = false;
  #level = SILENCE_DB;
  #opening = null;

  /**
   * @returns {Promise<{deviceId: string, label: string}[]>} the microphones that there are; their
   *   labels are empty until the person has allowed one.
   */
  static async devices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return devices
      .filter((device) => device.kind === 'audioinput')
      .map(({ deviceId, label }) => ({ deviceId, label }));
  }

  /**
   * Open it; what is open already stays open where the device is the same.
   *
   * @param {object} [options]
   * @param {string} [options.deviceId] one of `devices`; otherwise the browser's choice.
   * @param {boolean} [options.echoCancellation] take out what the loudspeaker says.
   * @param {boolean} [options.noiseSuppression]
   * @param {boolean} [options.autoGainControl]
   * @throws {MicrophoneError}
   */
  async open(options = {}) {
    // Two views may ask for it at once; the person is asked once.
    while (this.#opening) {
      await this.#opening.catch(() => undefined);
    }
    if (this.opened && (!options.deviceId || options.deviceId === this.deviceId)) {
      return;
    }
    this.#opening = this.#open(options);
    try {
      await this.#opening;
    } finally {
      this.#opening = null;
    }
  }

  /** Close it, for everybody. */
  close() {
    for (const tap of [this.#meter, ...this.#taps]) {
      tap.disconnect();
    }
    this.#capture?.close();
    this.#stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
    this.#capture = this.#stream = null;
    this.#setLevel(SILENCE_DB);
  }

  /**
   * Hear it from now on; if it is closed, from when it is opened, and again after that.
   *
   * @param {number} rate Hz.
   * @param {(chunk: Chunk) => void} listener takes 20 ms each time.
   * @returns {() => void} ends it.
   */
  subscribe(rate, listener) {
    const tap = new Tap(rate, listener);
    this.#taps.add(tap);
    if (this.opened) {
      tap.connect(this.#capture);
    }
    return () => {
      this.#taps.delete(tap);
      tap.disconnect();
    };
  }

  /** Whether it is open. */
  get opened() {
    return this.#capture !== null;
  }

  /** Id of the device that is open; null: none is. */
  get deviceId() {
    return this.#stream?.getAudioTracks()[0]?.getSettings().deviceId ?? null;
  }

  /** Level of the newest sound in dB of full scale. */
  get level() {
    return this.#level;
  }

  /** Whether silence is heard in the place of the sound. */
  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = Boolean(muted);
    this.#mute();
    this.dispatchEvent(new Event('muted'));
  }

  async #open({
    deviceId,
    echoCancellation = true,
    noiseSuppression = true,
    autoGainControl = true,
  }) {
    if (!globalThis.isSecureContext) {
      throw new MicrophoneError('insecure');
    }
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new MicrophoneError('unsupported');
    }
    let stream = null;
    let capture = null;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          echoCancellation,
          noiseSuppression,
          autoGainControl,
          channelCount: { ideal: 1 },
          ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        },
      });
      capture = (await TrackCapture.open(stream)) ?? (await GraphCapture.open(stream));
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      throw MicrophoneError.from(error);
    }
    if (this.opened) {
      this.close();
    }
    this.#stream = stream;
    this.#capture = capture;
    this.#begin();
  }

  #begin() {
    this.#mute();
    const [track] = this.#stream.getAudioTracks();
    track.onended = this.#capture.onfailed = () => {
      this.close();
      this.dispatchEvent(new Event('ended'));
    };
    for (const tap of [this.#meter, ...this.#taps]) {
      tap.connect(this.#capture);
    }
  }

  #mute() {
    this.#capture?.mute(this.#muted);
    this.#stream?.getAudioTracks().forEach((track) => {
      track.enabled = !this.#muted;
    });
  }

  #setLevel(level) {
    this.#level = level;
    this.dispatchEvent(new Event('level'));
  }
}

/** One who hears. */
class Tap {
  #rate;
  #listener;
  #port = null;

  constructor(rate, listener) {
    this.#rate = rate;
    this.#listener = listener;
  }

  connect(capture) {
    this.disconnect();
    const clock = new CaptureClock();
    this.#port = capture.port(this.#rate);
    this.#port.onmessage = ({ data: { samples, first, until, level, arrivedAt = now() } }) => {
      clock.observe(until, arrivedAt);
      this.#listener({ samples, level, capturedAt: clock.timeOf(first) - capture.latency });
    };
  }

  disconnect() {
    if (this.#port) {
      this.#port.onmessage = null;
      this.#port.postMessage('close');
      this.#port = null;
    }
  }
}
