/** Which microphone: the list follows what is plugged in. */

import { byId, setOptions } from './dom.js';
import { Microphone } from '../sound/microphone.js';
import { prefer, preference } from './preferences.js';

/**
 * Event `change`: the person wants another device.
 */
export class DevicePicker extends EventTarget {
  #select = byId('device');

  constructor() {
    super();
    this.#select.addEventListener('change', () => {
      prefer('device', this.#select.value);
      this.dispatchEvent(new Event('change'));
    });
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.refresh());
    this.refresh();
  }

  /** @returns {string | undefined} what to open; undefined: as the browser has it. */
  get deviceId() {
    return this.#select.value || undefined;
  }

  /** Read the list again; its names are there only once the person has allowed a microphone. */
  async refresh() {
    const devices = await Microphone.devices().catch(() => []);
    const named = devices.filter(({ deviceId, label }) => deviceId && label);
    const options = named
      .filter(({ deviceId }) => deviceId !== 'default')
      .map(({ deviceId, label }) => ({ value: deviceId, label }));
    setOptions(
      this.#select,
      [{ value: '', label: 'Standard microphone' }, ...options],
      preference('device', ''),
    );
  }
}
