/** The form that asks for the server's key. */

import { byId } from './dom.js';

/** Event `given`: the credentials have a key to try. */
export class KeyForm extends EventTarget {
  #dialog = byId('key-dialog');
  #credentials;

  /** @param {import('../net/credentials.js').Credentials} credentials */
  constructor(credentials) {
    super();
    this.#credentials = credentials;
    const form = byId('key-form');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#credentials.key = form.elements.key.value.trim();
      form.reset();
      this.#dialog.close();
      this.dispatchEvent(new Event('given'));
    });
    byId('key-cancel').addEventListener('click', () => this.#dialog.close());
    byId('key-open').addEventListener('click', () => this.ask());
  }

  /**
   * Ask for a key.
   *
   * @param {string} [refused] why the one that was given is not enough.
   */
  ask(refused = '') {
    byId('key-error').textContent = refused;
    byId('key-open').hidden = false;
    if (!this.#dialog.open) {
      this.#dialog.showModal();
    }
  }
}
