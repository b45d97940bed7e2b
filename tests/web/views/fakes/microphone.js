/** A microphone of which a test says whether the person allows it, and how loud it is. */

import { MicrophoneError } from './microphone_error.js';

export { MicrophoneError };

export class Microphone extends EventTarget {
  opened = false;
  level = -100;
  #muted = false;

  static async devices() {
    return [
      { deviceId: 'default', label: 'Default' },
      { deviceId: 'desk', label: 'Desk microphone' },
      { deviceId: 'head', label: 'Headset' },
    ];
  }

  async open() {
    if (globalThis.fakes?.microphone) {
      throw new MicrophoneError(globalThis.fakes.microphone);
    }
    this.opened = true;
  }

  close() {
    this.opened = false;
    this.hear(-100);
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    this.dispatchEvent(new Event('muted'));
  }

  hear(level) {
    this.level = level;
    this.dispatchEvent(new Event('level'));
  }
}
